"""The one way this decoder says no."""

from typing import NoReturn


class Refused(Exception):  # noqa: N818
    """Bytes the protocol does not allow; the text says why, to people only."""


def refuse(why: str) -> NoReturn:
    """Stop reading."""
    raise Refused(why)


def need(held: object, why: str) -> None:
    """Refuse unless `held` is true."""
    if not held:
        refuse(why)
