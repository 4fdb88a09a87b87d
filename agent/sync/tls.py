"""TLS that remembers: a cold connection to the same province resumes the last session.

A full handshake costs about 760 bytes more, mostly certificates, and a round trip of computing.
What TLS hides is who talks when; what a message says is sealed anyway (docs/protocol.md
section 1), so a resumed session gives nothing away.
"""

from __future__ import annotations

import ssl
from pathlib import Path


class ResumingContext(ssl.SSLContext):
    """A client context for one server that offers the last session it was given a ticket for."""

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
        latest = self._latest
        if latest is not None and latest.version() is not None:
            self._session = latest.session or self._session
        self._latest = super().wrap_bio(
            incoming, outgoing, server_side, server_hostname, session or self._session
        )
        return self._latest


def client_context(authority: Path | None = None) -> ssl.SSLContext:
    """Return a context that believes the machine's authorities, or only the one in a PEM file."""
    context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if authority is not None:
        context.load_verify_locations(authority)
    else:
        context.load_default_certs()
    return context
