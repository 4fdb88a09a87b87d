"""How a daemon that cannot go on takes its leave: the refusal behind its fall, told on stderr."""

import sys

from wire.problems import Refusal


def only_refusal(fallen: BaseException) -> Refusal | None:
    """The refusal that brought the daemon down, None when it was anything else."""
    while isinstance(fallen, BaseExceptionGroup) and len(fallen.exceptions) == 1:
        fallen = fallen.exceptions[0]
    return fallen if isinstance(fallen, Refusal) else None


def tell(refusal: Refusal) -> None:
    """Say on stderr what was refused and how to go on, in both languages."""
    for lang in ("vi", "en"):
        words = (
            refusal.type.title.pick(lang),
            refusal.detail.pick(lang),
            refusal.type.remedy.pick(lang),
        )
        sys.stderr.write(" — ".join(word for word in words if word) + "\n")
    sys.stderr.flush()
