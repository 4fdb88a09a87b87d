"""The bytes of the line, counted by office day as an operator counts them.

The kernel knows what a connection sent and received, TLS and what was sent twice included, and in
how many packets; each of these bore a header of IP and TCP. What is not seen: names looked up, and
the packets of a connect that failed.

A count stands in memory at once and in the journal's file with the next thing that is written
there anyway (`Meter.keep`), so an exchange costs no fsync more and a crash forgets what one took.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Final, TypeVar

from agent.clock import Clock
from agent.journal import Journal, Transaction
from agent.journal.database import Connection
from agent.sync.thrift import office_day

PACKET_HEADER_BYTES: Final = 52
"""IPv4 (20) and TCP with its time stamps (32); IPv6 would be 20 more."""
TCP_COUNTS: Final = struct.Struct("<120xQQII56xQ")
"""tcpi_bytes_acked, tcpi_bytes_received, tcpi_segs_out, tcpi_segs_in and tcpi_bytes_sent (Linux
4.19) of struct tcp_info (linux/tcp.h)."""
DAYS_KEPT: Final = 35

T = TypeVar("T")


class Meter:
    """What each office day took so far; on the event loop alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._days: dict[str, int] = {}
        self._owed: dict[str, int] = {}

    async def load(self, journal: Journal) -> None:
        """Add what the journal's file holds of these days, once, before anything is kept."""
        for day, count in (await journal.read(days)).items():
            self._days[day] = self._days.get(day, 0) + count

    def add(self, count: int) -> None:
        """Bytes went over the line."""
        day = office_day(self._clock.now_ms())
        self._days[day] = self._days.get(day, 0) + count
        self._owed[day] = self._owed.get(day, 0) + count

    @property
    def today_bytes(self) -> int:
        """What this office day took so far."""
        return self._days.get(office_day(self._clock.now_ms()), 0)

    @property
    def owes(self) -> bool:
        """Whether something counted is not in the file yet."""
        return any(self._owed.values())

    async def keep(self, journal: Journal, job: Callable[[Transaction], T]) -> T:
        """Write `job` and, in its transaction, what was counted. Raises as `Journal.write`."""
        owed, self._owed = self._owed, {}

        def both(transaction: Transaction) -> T:
            result = job(transaction)
            _note(transaction, owed)
            return result

        try:
            return await journal.write(both)
        except BaseException:
            for day, count in owed.items():
                self._owed[day] = self._owed.get(day, 0) + count
            raise


def days(connection: Connection) -> dict[str, int]:
    """Return the bytes of the days that the file remembers."""
    return dict(connection.execute("SELECT day, bytes FROM line_day").fetchall())


def line_bytes(sock: socket.socket | None) -> int | None:
    """Return what this connection moved so far, both ways and headers included.

    None where the kernel does not say.
    """
    tcp_info = getattr(socket, "TCP_INFO", None)
    if sock is None or tcp_info is None:
        return None
    try:
        known = sock.getsockopt(socket.IPPROTO_TCP, tcp_info, TCP_COUNTS.size)
    except OSError:  # closed meanwhile
        return None
    if len(known) < TCP_COUNTS.size:
        return None
    _, received, packets_out, packets_in, sent = TCP_COUNTS.unpack(known)
    return int(received + sent + (packets_out + packets_in) * PACKET_HEADER_BYTES)


def _note(transaction: Transaction, owed: dict[str, int]) -> None:
    conn = transaction.conn
    for day, count in owed.items():
        conn.execute(
            "INSERT INTO line_day(day, bytes) VALUES (?1, ?2)"
            " ON CONFLICT(day) DO UPDATE SET bytes = bytes + ?2",
            (day, count),
        )
    if owed:
        conn.execute(
            "DELETE FROM line_day WHERE day NOT IN"
            " (SELECT day FROM line_day ORDER BY day DESC LIMIT ?)",
            (DAYS_KEPT,),
        )
