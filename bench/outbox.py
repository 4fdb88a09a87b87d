"""The baseline: what an able engineer would write in an afternoon, on the very same line.

Records wait in an SQLite outbox (WAL, `synchronous=FULL`) and leave 100 a POST: a JSON array,
gzip -9, over TLS with httpx on a connection that is kept; a batch is taken out of the outbox once
the answer is there. The receiver stores each batch durably before it answers 204. No sealing, no
signatures, no receipt, no de-duplication.
"""

from __future__ import annotations

import contextlib
import gzip
import http.server
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from bench.authority import Made
from bench.raw import GZIP_LEVEL, TABLE

BATCH = 100
PATIENCE_S = 120.0
PLACE = "/records"
TITLE = "100 records a POST, gzip, SQLite outbox"


class Outbox:
    """Records that wait, in a file of their own."""

    def __init__(self, file: Path) -> None:
        self._connection = opened(file)

    def fill(self, events: Sequence[bytes]) -> None:
        """Put records in, durably."""
        with self._connection as connection:
            connection.executemany(
                "INSERT INTO event(body) VALUES (?)", [(event,) for event in events]
            )

    def drain(self, url: str, ca_file: Path) -> None:
        """Send all that waits over one connection. Raises httpx.HTTPError."""
        context = ssl.create_default_context(cafile=str(ca_file))
        with httpx.Client(verify=context, timeout=PATIENCE_S, trust_env=False) as client:
            while batch := self._next():
                body = b"[" + b",".join(event for _, event in batch) + b"]"
                answer = client.post(
                    url + PLACE,
                    content=gzip.compress(body, GZIP_LEVEL, mtime=0),
                    headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
                )
                answer.raise_for_status()
                with self._connection as connection:
                    connection.execute("DELETE FROM event WHERE pos <= ?", (batch[-1][0],))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _next(self) -> list[tuple[int, bytes]]:
        query = "SELECT pos, body FROM event ORDER BY pos LIMIT ?"
        return self._connection.execute(query, (BATCH,)).fetchall()


def opened(file: Path) -> sqlite3.Connection:
    """Open a durable file with the one table."""
    connection = sqlite3.connect(file, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(TABLE)
    return connection


@contextmanager
def receiver(file: Path, made: Made, listening: Callable[[], socket.socket]) -> Iterator[int]:
    """Store what comes into `file`; give the port. `listening` makes the socket, bound."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.cert_file, made.key_file)
    with contextlib.closing(opened(file)) as connection, listening() as listener:
        server = _Server(listener, context, connection)
        thread = threading.Thread(target=server.serve_forever, name="baseline receiver")
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()


class _Server(http.server.ThreadingHTTPServer):
    """Takes batches on a socket that is there already."""

    def __init__(
        self, listener: socket.socket, context: ssl.SSLContext, connection: sqlite3.Connection
    ) -> None:
        super().__init__(listener.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.connection = connection
        self._context = context

    def get_request(self) -> tuple[Any, Any]:
        """Take a connection; the handshake is the handler's, so that none waits for another's."""
        peer, address = self.socket.accept()
        wrapped = self._context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
        return wrapped, address


class _Handler(http.server.BaseHTTPRequestHandler):
    """Stores one batch a request and answers as little as HTTP allows."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        """Store the batch, then answer."""
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.connection as connection:
            connection.execute("INSERT INTO event(body) VALUES (?)", (body,))
        self.send_response_only(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""
