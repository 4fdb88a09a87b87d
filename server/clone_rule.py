"""Whether there are two of a device: the rule of boxes and incidents (docs/protocol.md section 6).

Pure. Judged are current messages alone; the box only in one whose head is not behind, because an
agent whose box changed records that before it shows the new one, so that a message it left behind
somewhere is behind by at least one event.

- One part changed and no restore since the last box was shown: a part was swapped.
- More, or one together with a restore: *suspect*, until a person says that it is well.
- The former box again while another is suspect, or a second restore within 30 days: a clone.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from wire.box import parts_changed

RESTORES_APART_MS: Final = 30 * 86_400_000

Clone = Literal["", "former-box", "second-restore"]


class Known(Struct, frozen=True, kw_only=True):
    """What is kept of one device.

    `box` was accepted last, None: none yet; `suspect`: a person has yet to say what became of the
    box. `restored_ms`: when it was last found to remember less than it did, not counting what a
    person has looked at since; `doubted`: that was after a box was last shown.
    """

    box: bytes | None = None
    suspect: bool = False
    restored_ms: int | None = None
    doubted: bool = False


class Judgement(Struct, frozen=True, kw_only=True):
    """What is known from now on, which `parts` changed, and why it is a clone ("": it is none)."""

    known: Known
    parts: tuple[str, ...] = ()
    suspect: bool = False
    clone: Clone = ""


def judge(
    known: Known, *, box: bytes | None, behind: bool, restored: bool, now_ms: int
) -> Judgement:
    """Judge one current message that shows `box`.

    `behind`: its head lies below what is held; `restored`: it is the incident of a turn.
    """
    last_ms = known.restored_ms
    twice = restored and last_ms is not None and now_ms - last_ms < RESTORES_APART_MS
    doubted = known.doubted or restored
    heard = Known(
        box=known.box,
        suspect=known.suspect,
        restored_ms=now_ms if restored else last_ms,
        doubted=doubted,
    )
    clone: Clone = "second-restore" if twice else ""
    if box is None or behind:
        return Judgement(known=heard, clone=clone)
    if box == known.box:
        settled = _with_box(heard, known.box, suspect=known.suspect)
        return Judgement(known=settled, clone=clone or ("former-box" if known.suspect else ""))
    if known.box is None:
        return Judgement(known=_with_box(heard, box, suspect=known.suspect), clone=clone)
    parts = parts_changed(known.box, box)
    if known.suspect or doubted or len(parts) > 1:
        suspected = _with_box(heard, known.box, suspect=True)
        return Judgement(known=suspected, parts=parts, suspect=True, clone=clone)
    return Judgement(known=_with_box(heard, box, suspect=False), parts=parts, clone=clone)


def _with_box(known: Known, box: bytes | None, *, suspect: bool) -> Known:
    return Known(box=box, suspect=suspect, restored_ms=known.restored_ms, doubted=False)
