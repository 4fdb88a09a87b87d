"""Names on a stick (docs/protocol.md section 8): 8.3, upper case, saying nothing.

Read in any case: a stick has been through machines that write them as they like.
"""

import re
from collections.abc import Iterator
from typing import Final

FOLDER: Final = "COMMUNE"
MESSAGE_BYTES: Final = 4
"""Random bytes of a message's name: eight hexadecimal digits."""
ANSWER_LETTERS: Final = "RSTUVWXYZ"
"""An answer begins with the first of these that is free for its receiver."""

_MESSAGE: Final = re.compile(r"[0-9A-F]{8}\.CSE")
_ANSWER: Final = re.compile(r"[R-Z][0-9A-F]{7}\.CSE")


def message_name(random: bytes) -> str:
    """Return the name of a message, from 4 random bytes."""
    return f"{random.hex().upper()}.CSE"


def answer_names(request_hash: bytes) -> Iterator[str]:
    """Return the names an answer to this request may have, the usual one first."""
    digits = request_hash.hex().upper()[:7]
    return (f"{letter}{digits}.CSE" for letter in ANSWER_LETTERS)


def is_folder(name: str) -> bool:
    """Whether a folder of the stick is ours, whatever case it came back in."""
    return name.upper() == FOLDER


def is_message(name: str) -> bool:
    """Whether a file's name is that of a message to the province."""
    return _MESSAGE.fullmatch(name.upper()) is not None


def is_answer(name: str) -> bool:
    """Whether a file's name is that of an answer to an office."""
    return _ANSWER.fullmatch(name.upper()) is not None
