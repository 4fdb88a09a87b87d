"""The tables of the views: what is needed to find; the events hold what is needed to show.

A dossier has a handful of events, so it is folded anew whenever it is shown or decided upon, and
the views keep only what people search, sort and count by. That keeps the whole file below 1.6
bytes for each byte of event, and a rebuilt view cannot differ in what it does not hold.

All of them can be dropped; `VERSION` goes up whenever a table or its meaning changes, and an
agent that meets another version rebuilds.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

VERSION: Final = 5

TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        # key: first 6 bytes of the id of an event that others tell of.
        "subject": """CREATE TABLE subject(
            key INTEGER NOT NULL, pos INTEGER NOT NULL, PRIMARY KEY (key, pos)
          ) STRICT, WITHOUT ROWID""",
        # no: pos of the event that created the dossier. code_* and year, volume, number are its
        # two numbers; person: keyed hash of applicant and procedure; id_mark, phone_mark: keyed
        # hashes of the applicant's numbers, which are found whole or not at all; search: folded
        # text of names.
        "dossier": """CREATE TABLE dossier(
            no INTEGER PRIMARY KEY,
            state INTEGER NOT NULL,
            channel INTEGER NOT NULL,
            due_s INTEGER,
            code_prefix INTEGER, code_day INTEGER, code_serial INTEGER,
            year INTEGER, volume INTEGER, number INTEGER,
            person INTEGER,
            id_mark INTEGER, phone_mark INTEGER,
            search TEXT NOT NULL
          ) STRICT""",
        "dossier_event": """CREATE TABLE dossier_event(
            dossier INTEGER NOT NULL, pos INTEGER NOT NULL, PRIMARY KEY (dossier, pos)
          ) STRICT, WITHOUT ROWID""",
        "prefix": "CREATE TABLE prefix(no INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT",
        "declined": "CREATE TABLE declined(pos INTEGER PRIMARY KEY) STRICT",
        # no: pos of the event that created the visit; end_pos: of the one that ended it.
        "visit": """CREATE TABLE visit(
            no INTEGER PRIMARY KEY,
            day INTEGER NOT NULL,
            person INTEGER,
            room TEXT NOT NULL,
            end_pos INTEGER
          ) STRICT""",
        # What the province has set and still stands: pos of the event that says so.
        "standing": """CREATE TABLE standing(
            kind TEXT NOT NULL, key TEXT NOT NULL, pos INTEGER NOT NULL, PRIMARY KEY (kind, key)
          ) STRICT, WITHOUT ROWID""",
        # Own events that the province sent back, until an own event after that answers them.
        "rejected": """CREATE TABLE rejected(
            pos INTEGER PRIMARY KEY,
            code TEXT NOT NULL, detail TEXT NOT NULL, by_pos INTEGER NOT NULL
          ) STRICT""",
        # id: of an event whose value is kept beside that of its dossier, until somebody decides.
        "conflict": """CREATE TABLE conflict(
            id TEXT PRIMARY KEY, dossier INTEGER NOT NULL
          ) STRICT, WITHOUT ROWID""",
        # id: of a blob; pos: of the first event that tells of it; bytes: of the blob; waiting: the
        # province is not known to hold it; file: first 8 bytes of the file's SHA-256.
        "document": """CREATE TABLE document(
            id BLOB PRIMARY KEY, pos INTEGER NOT NULL, bytes INTEGER NOT NULL,
            urgent INTEGER NOT NULL, waiting INTEGER NOT NULL, file BLOB NOT NULL
          ) STRICT, WITHOUT ROWID""",
        "day_count": """CREATE TABLE day_count(
            day INTEGER NOT NULL, what INTEGER NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY (day, what)
          ) STRICT, WITHOUT ROWID""",
        # docs/protocol.md section 9, of delivered events.
        "day_tally": """CREATE TABLE day_tally(
            day TEXT NOT NULL, kind TEXT NOT NULL, channel TEXT NOT NULL,
            count INTEGER NOT NULL, digest BLOB NOT NULL,
            PRIMARY KEY (day, kind, channel)
          ) STRICT, WITHOUT ROWID""",
    }
)

OPEN_STATES: Final = 2
"""States up to this number are open: see dossier_rows.STATES."""

INDEXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dossier_code": "dossier(code_prefix, code_day, code_serial) WHERE code_serial IS NOT NULL",
        "dossier_book": "dossier(year, volume, number) WHERE number IS NOT NULL",
        "dossier_due": f"dossier(due_s) WHERE due_s IS NOT NULL AND state <= {OPEN_STATES}",
        "dossier_person": f"dossier(person) WHERE person IS NOT NULL AND state <= {OPEN_STATES}",
        "document_waiting": "document(urgent, bytes) WHERE waiting = 1",
        "document_file": "document(file)",
        "visit_day": "visit(day)",
        "visit_person": "visit(person, no) WHERE person IS NOT NULL",
        "visit_inside": "visit(day, room) WHERE end_pos IS NULL",
    }
)
