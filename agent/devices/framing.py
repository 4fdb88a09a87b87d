r"""Cut a byte stream into records, without I/O and without a clock: the shell tells of gaps.

Rules:

- A record ends at a terminator byte (`\r` or `\n` by default), else at an idle gap.
- Empty records are no records: a health card ends `$`, then comes `\r`, then perhaps `\n`.
- A record longer than `record_bytes_max` is dropped whole, counted once, and the stream
  resynchronises at the next terminator or gap.
- What arrives after opening and before the first terminator or gap is half a record, a power-up
  NUL or another program's probe: it is discarded.
"""

from collections.abc import Iterator

RECORD_BYTES_MAX = 4096
"""Longest record kept; a citizen card is 114 bytes, the largest QR code about 3 KB."""

GAP_MS = 80
"""Silence that ends a record without a terminator; a 9600 baud line needs 1 ms a byte."""


class TerminatorFramer:
    """Frame records that end with one of `terminators`, or with a gap.

    overlong counts records that were dropped for their length; skipped_bytes what was discarded.
    """

    __slots__ = (
        "_buffer",
        "_dropping",
        "_record_bytes_max",
        "_settling",
        "_terminators",
        "overlong",
        "skipped_bytes",
    )

    def __init__(
        self, terminators: bytes = b"\r\n", record_bytes_max: int = RECORD_BYTES_MAX
    ) -> None:
        self._terminators = terminators
        self._record_bytes_max = record_bytes_max
        self._buffer = bytearray()
        self._settling = True
        self._dropping = False
        self.overlong = 0
        self.skipped_bytes = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they came and give the records they complete, in order."""
        return list(self._feed(data))

    def _feed(self, data: bytes) -> Iterator[bytes]:
        start = 0
        for end, byte in enumerate(data):
            if byte in self._terminators:
                self._keep(data[start:end])
                yield from self._finish()
                start = end + 1
        self._keep(data[start:])

    def gap(self) -> list[bytes]:
        """Say that the line was silent for a gap; gives the record that this ends, if any."""
        return list(self._finish())

    @property
    def is_waiting(self) -> bool:
        """Tell whether a gap would change anything: a record is open, or the start unsettled."""
        return bool(self._buffer) or self._settling or self._dropping

    def _keep(self, part: bytes) -> None:
        if self._settling or self._dropping:
            self.skipped_bytes += len(part)
            return
        self._buffer += part
        if len(self._buffer) > self._record_bytes_max:
            self.skipped_bytes += len(self._buffer)
            self._buffer.clear()
            self._dropping = True
            self.overlong += 1

    def _finish(self) -> Iterator[bytes]:
        self._settling = self._dropping = False
        if self._buffer:
            record = bytes(self._buffer)
            self._buffer.clear()
            yield record
