"""The baseline of the benchmark delivers what it was given: a weak rival would flatter us."""

import json
import socket
from pathlib import Path

from bench import authority
from bench.outbox import BATCH, Outbox, opened, receiver


def test_all_records_arrive_a_hundred_a_request_and_leave_the_outbox(tmp_path: Path) -> None:
    made = authority.make(tmp_path / "tls")
    events = [b'{"n":%d}' % number for number in range(250)]
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.fill(events)

    def listening() -> socket.socket:
        return socket.create_server(("127.0.0.1", 0))

    with receiver(tmp_path / "received.db", made, listening) as port:
        outbox.drain(f"https://127.0.0.1:{port}", made.ca_file)
        outbox.drain(f"https://127.0.0.1:{port}", made.ca_file)  # nothing is left
    outbox.close()
    held = opened(tmp_path / "again.db")
    held.execute("ATTACH ? AS received", (str(tmp_path / "received.db"),))
    rows = held.execute("SELECT body FROM received.event ORDER BY pos").fetchall()
    held.close()
    batches = [json.loads(body) for (body,) in rows]
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 50]
    assert [each["n"] for batch in batches for each in batch] == list(range(250))
