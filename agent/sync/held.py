"""Where sending goes on from: the place up to which the province holds our journal, as it said.

Mostly that is the delivered mark. It lies behind it when a province that was put back answers about
a device in quarantine: such a receipt moves no mark, and what it lacks is sent again all the same.
"""

from agent.journal import Journal
from wire.chain import Head


class Held:
    """The place after which the next message begins. Used on the event loop only."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.head = self._delivered = journal.delivered

    def answered(self, head: Head) -> None:
        """Go on from where an answer, whose effects are durable, says to."""
        self.head, self._delivered = head, self._journal.delivered

    def look(self) -> None:
        """Go on from the delivered mark if a stick has raised it since the last answer.

        A mark that stands where it stood says nothing newer than the answer did.
        """
        delivered = self._journal.delivered
        if delivered.seq > max(self.head.seq, self._delivered.seq):
            self.answered(delivered)
