"""What waits so that the line is spared, in one sentence: the same on page and command line."""

from agent.status import Status
from agent.web.texts import TEXTS, written_time
from wire.texts import Text

NOTHING = Text("", "")


def saving_words(status: Status) -> Text:
    """Say what waits, why, and when it goes on; nothing where all goes."""
    saving = status.saving
    if saving.why is None or saving.until is None:
        return NOTHING
    key = saving.why if saving.documents == "wait" else "day-bytes-near"
    return TEXTS[f"saving.{key}"].format(time=written_time(saving.until))
