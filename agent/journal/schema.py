"""Tables of the journal's file, and the steps from each schema version to the next.

The version stands in `PRAGMA user_version`. A step is never changed once released; a new one is
added at the end. Tables of the views are not here: they are disposable (agent/views).

`event.pos` is the order in which events of both journals arrived here; replaying by it rebuilds
every view exactly. `event.body` holds the event's exact bytes as a BLOB, NULL once its retention
is over: then `gone` keeps what the chain and the reconciliation need.
"""

from collections.abc import Sequence
from typing import Final, Literal

Side = Literal["office", "desk"]

APPLICATION_ID: Final = 0x434D4E41
"""'CMNA' in the file's header (once decrypted): this is a commune agent's journal."""

STEPS: Final[Sequence[Sequence[str]]] = (
    (
        """CREATE TABLE meta(
             key TEXT PRIMARY KEY,
             value ANY NOT NULL
           ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE journal(
             no INTEGER PRIMARY KEY,
             side TEXT NOT NULL CHECK (side IN ('office', 'desk')),
             id BLOB NOT NULL,
             writer_id BLOB NOT NULL,
             state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
             head_seq INTEGER NOT NULL,
             head_hash BLOB NOT NULL,
             head_bytes INTEGER NOT NULL,
             latest_at TEXT NOT NULL DEFAULT '',
             UNIQUE (writer_id, id)
           ) STRICT""",
        "CREATE UNIQUE INDEX journal_open ON journal(side) WHERE state = 'open'",
        """CREATE TABLE event(
             pos INTEGER PRIMARY KEY,
             journal INTEGER NOT NULL REFERENCES journal(no),
             seq INTEGER NOT NULL,
             hash BLOB NOT NULL,
             body BLOB
           ) STRICT""",
        "CREATE UNIQUE INDEX event_seq ON event(journal, seq)",
        """CREATE TABLE gone(
             pos INTEGER PRIMARY KEY REFERENCES event(pos),
             digest BLOB NOT NULL,
             day TEXT NOT NULL,
             kind TEXT NOT NULL,
             channel TEXT NOT NULL
           ) STRICT""",
        """CREATE TABLE delivered(
             journal INTEGER NOT NULL REFERENCES journal(no),
             seq INTEGER NOT NULL,
             hash BLOB NOT NULL,
             bytes INTEGER NOT NULL,
             at_ms INTEGER NOT NULL,
             PRIMARY KEY (journal, seq)
           ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE answered(
             key INTEGER PRIMARY KEY,
             digest INTEGER NOT NULL,
             at_s INTEGER NOT NULL,
             pos INTEGER NOT NULL,
             result BLOB
           ) STRICT""",
        """CREATE TABLE exchange(
             no INTEGER PRIMARY KEY,
             at_ms INTEGER NOT NULL,
             ok INTEGER NOT NULL,
             error TEXT,
             bytes_up INTEGER NOT NULL,
             bytes_down INTEGER NOT NULL,
             took_ms INTEGER NOT NULL
           ) STRICT""",
        "CREATE INDEX exchange_at ON exchange(at_ms)",
        """CREATE TABLE problem(
             no INTEGER PRIMARY KEY,
             journal INTEGER NOT NULL REFERENCES journal(no),
             seq INTEGER NOT NULL,
             code TEXT NOT NULL,
             detail TEXT NOT NULL,
             at_ms INTEGER NOT NULL,
             UNIQUE (journal, seq, code)
           ) STRICT""",
        """CREATE TABLE user(
             name TEXT PRIMARY KEY,
             role TEXT NOT NULL,
             display TEXT NOT NULL,
             salt BLOB NOT NULL,
             verifier BLOB NOT NULL,
             disabled INTEGER NOT NULL
           ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE view(
             name TEXT PRIMARY KEY,
             version INTEGER NOT NULL,
             pos INTEGER
           ) STRICT, WITHOUT ROWID""",
    ),
    (
        # Messages that left on a stick and are not answered: each stays open, for weeks.
        """CREATE TABLE exported(
             request BLOB PRIMARY KEY,
             made_ms INTEGER NOT NULL,
             last_seq INTEGER NOT NULL
           ) STRICT, WITHOUT ROWID""",
    ),
    (
        # What only this file had behind the place from which a successor goes on, as it was
        # written; entered anew it stands in the successor.
        """CREATE TABLE aside(
             journal INTEGER NOT NULL REFERENCES journal(no),
             seq INTEGER NOT NULL,
             hash BLOB NOT NULL,
             body BLOB,
             digest BLOB,
             PRIMARY KEY (journal, seq)
            ) STRICT, WITHOUT ROWID""",
    ),
    (
        # Blobs the province said it holds whole; no event tells it.
        """CREATE TABLE arrived(
             blob BLOB PRIMARY KEY,
             at_ms INTEGER NOT NULL
           ) STRICT, WITHOUT ROWID""",
    ),
    (
        # Bytes that the line moved on each office day, both ways; an operator counts them too.
        """CREATE TABLE line_day(
             day TEXT PRIMARY KEY,
             bytes INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID""",
    ),
    (
        # Scans that wait to be attached, and the files they came from (agent/views/scans.py).
        """CREATE TABLE scan(
             no INTEGER PRIMARY KEY,
             blob BLOB NOT NULL UNIQUE,
             name TEXT NOT NULL,
             at_ms INTEGER NOT NULL,
             sha256 BLOB NOT NULL,
             captured BLOB NOT NULL
           ) STRICT""",
        """CREATE TABLE scan_source(
             file BLOB PRIMARY KEY,
             size INTEGER NOT NULL,
             mtime_ns INTEGER NOT NULL,
             sha256 BLOB NOT NULL
           ) STRICT, WITHOUT ROWID""",
    ),
)

VERSION: Final = len(STEPS)
"""The schema version this program writes and reads."""
