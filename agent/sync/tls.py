"""TLS that remembers: a cold connection to the same province resumes the last session.

A full handshake costs about 760 bytes more, mostly certificates, and a round trip of computing.
What TLS hides is who talks when; what a message says is sealed anyway (docs/protocol.md
section 1), so a resumed session gives nothing away.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of <openssl/x509_vfy.h>, which the ssl module does not name."""


class ResumingContext(ssl.SSLContext):
    """A client context for one server that offers the last session it was given a ticket for."""

    _is_clock_right: Callable[[], bool] = staticmethod(lambda: True)
    _dated: ssl.VerifyFlags = ssl.VerifyFlags.VERIFY_DEFAULT
    _latest: ssl.SSLObject | None = None
    _session: ssl.SSLSession | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Return a connection that starts from the last session, if there is one.

        In TLS 1.3 a ticket comes after the handshake (RFC 8446 section 4.6.1), so the session is
        read only when the next connection is made. One that was cut in the middle of its handshake
        has none that could be read: OpenSSL fails on it.
        """
        self.verify_flags = self._dated if self._is_clock_right() else self._dated | NO_CHECK_TIME
        latest = self._latest
        if latest is not None and latest.version() is not None:
            self._session = latest.session or self._session
        self._latest = super().wrap_bio(
            incoming, outgoing, server_side, server_hostname, session or self._session
        )
        return self._latest

    def judge_dates(self, is_clock_right: Callable[[], bool]) -> None:
        """Pass over the dates of certificates while `is_clock_right()` says no."""
        self._dated, self._is_clock_right = self.verify_flags, is_clock_right


def client_context(
    authority: Path | None = None, is_clock_right: Callable[[], bool] = lambda: True
) -> ssl.SSLContext:
    """Return a context that believes the machine's authorities, or only the one in a PEM file.

    A box whose clock fell back to 1970 would find every certificate not valid yet, and could not
    even hear from the province what time it is. So while its own clock is known to be wrong the
    dates are passed over; issuer and name are checked as ever. What a message says does not rest
    on TLS, and a stolen, outdated certificate tells its holder who talks when, no more.
    """
    context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authority is not None:
        context.load_verify_locations(authority)
    else:
        context.load_default_certs()
    context.judge_dates(is_clock_right)
    return context
