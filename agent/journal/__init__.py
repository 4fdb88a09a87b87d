"""The durable journal of an office: SQLCipher, WAL, fsync before every answer."""

from agent.journal.identity import Identity
from agent.journal.journal import Journal
from agent.journal.projector import DeliveredRow, Entry, NoViews, Projector
from agent.journal.state import Marks
from agent.journal.transaction import Appended, Transaction

__all__ = [
    "Appended",
    "DeliveredRow",
    "Entry",
    "Identity",
    "Journal",
    "Marks",
    "NoViews",
    "Projector",
    "Transaction",
]
