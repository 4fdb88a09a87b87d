"""Fees, in whole dong.

A rule is none, fixed (once a dossier), per_page (a certified copy: 2,000 đ a page for the first
two, 1,000 đ from the third, at most 200,000 đ a copy), or unknown: the published text is no rule,
so the clerk names the amount. The rates themselves are data, in the catalogue.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from records.limits import PAGES_MAX

AMOUNT_VND_MAX: Final = 10_000_000_000

Vnd = Annotated[int, Meta(ge=0, le=AMOUNT_VND_MAX)]


class Fee(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fee rule of a procedure, as `procedure.set` carries it; all amounts in VND."""

    rule: Literal["none", "fixed", "per_page", "unknown"]
    amount_vnd: Vnd | None = None
    first_pages: Annotated[int, Meta(ge=0, le=PAGES_MAX)] | None = None
    first_vnd: Vnd | None = None
    next_vnd: Vnd | None = None
    max_per_copy_vnd: Vnd | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that lacks its amounts (msgspec reports it with its path)."""
        if self.rule == "fixed" and self.amount_vnd is None:
            msg = "a fixed fee needs amount_vnd"
            raise ValueError(msg)
        if self.rule == "per_page" and None in {self.first_pages, self.first_vnd, self.next_vnd}:
            msg = "a fee per page needs first_pages, first_vnd and next_vnd"
            raise ValueError(msg)


NO_FEE: Final = Fee(rule="none")
UNKNOWN_FEE: Final = Fee(rule="unknown")

_VND: Final = r"([0-9]{1,3}(?:\.[0-9]{3}){0,3})đ"
_FIXED_RE: Final = re.compile(rf"{_VND}(?:/case)?")
_PER_PAGE_RE: Final = re.compile(
    rf"{_VND}/page, {_VND} from page ([0-9]{{1,3}}), max {_VND}(?:/copy)?"
)


def due_vnd(fee: Fee, pages: int | None = None, copies: int | None = None) -> int | None:
    """Give what is to be paid, or None while it is not known (no rule, or pages not counted yet).

    `pages` is the length of one copy, `copies` (1 when not said) how many are asked for.
    """
    match fee.rule:
        case "none":
            return 0
        case "fixed":
            return fee.amount_vnd
        case "per_page" if pages is not None:
            return _copy_vnd(fee, max(0, pages)) * (1 if copies is None else max(0, copies))
        case _:
            return None


def read_published_fee(text: str) -> Fee:
    """Read a fee as provinces publish it (`10.000đ/case`); a text that is no rule gives unknown."""
    clean = text.strip()
    if clean == "0":
        return NO_FEE
    fixed = _FIXED_RE.fullmatch(clean)
    if fixed is not None:
        return Fee(rule="fixed", amount_vnd=_amount(fixed[1]))
    paged = _PER_PAGE_RE.fullmatch(clean)
    if paged is None or paged[3] == "0":
        return UNKNOWN_FEE
    return Fee(
        rule="per_page",
        first_pages=int(paged[3]) - 1,
        first_vnd=_amount(paged[1]),
        next_vnd=_amount(paged[2]),
        max_per_copy_vnd=_amount(paged[4]),
    )


def _amount(dotted: str) -> int:
    return int(dotted.replace(".", ""))


def _copy_vnd(fee: Fee, pages: int) -> int:
    first_pages, first_vnd, next_vnd = fee.first_pages or 0, fee.first_vnd or 0, fee.next_vnd or 0
    amount = min(pages, first_pages) * first_vnd + max(0, pages - first_pages) * next_vnd
    return amount if fee.max_per_copy_vnd is None else min(amount, fee.max_per_copy_vnd)
