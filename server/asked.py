"""The parameters of a request, read whole: everything wrong with them is told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeVar

from server.refusals import AnyRequest
from wire.event import YEARS
from wire.problems import FieldError, Refusal
from wire.texts import Text

T = TypeVar("T")

UNKNOWN = Text(vi="không có tham số này", en="there is no such parameter")
TWICE = Text(vi="ghi nhiều lần", en="given more than once")
WRONG = Text(vi="giá trị không hợp lệ", en="the value is not valid")
MISSING = Text(vi="bắt buộc phải có", en="must be given")
RANGE = Text(vi="từ {low} đến {high}", en="must be from {low} to {high}")


class Asked:
    """The query of one request; collects what is wrong with it."""

    def __init__(self, request: AnyRequest, *known: str) -> None:
        self.errors: list[FieldError] = []
        given: dict[str, str] = {}
        for name, value in request.query_params.multi_items():
            if name not in known:
                self.wrong(name, "field-unknown", UNKNOWN)
            elif name in given:
                self.wrong(name, "field-invalid", TWICE)
            else:
                given[name] = value
        self._given: Mapping[str, str] = given

    def wrong(self, path: str, code: str, message: Text) -> None:
        """Note one wrong parameter."""
        self.errors.append(FieldError(path, code, message))

    def text(self, name: str) -> str | None:
        """Return a parameter as it stands; None when it is missing or empty."""
        return self._given.get(name) or None

    def read(self, name: str, reader: Callable[[str], T]) -> T | None:
        """Return a parameter as `reader` reads it (ValueError: wrong), None without one."""
        text = self.text(name)
        if text is None:
            return None
        try:
            return reader(text)
        except ValueError:
            self.wrong(name, "field-invalid", WRONG)
            return None

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number between two bounds."""
        text = self.text(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdigit() or not low <= int(text[:20]) <= high:
            self.wrong(name, "field-invalid", RANGE.format(low=low, high=high))
            return default
        return int(text)

    def required(self, name: str, reader: Callable[[str], T]) -> T | None:
        """Return a parameter that must be there; None with a note when it is not."""
        if self.text(name) is None:
            self.wrong(name, "field-missing", MISSING)
            return None
        return self.read(name, reader)

    def days(self, *, needed: bool) -> tuple[date, date] | None:
        """Return `from` and `to`, both included; None when neither is given and none is needed."""
        one = self.required if needed or self.text("from") or self.text("to") else self.read
        first, last = one("from", _day), one("to", _day)
        if first is None or last is None:
            return None
        if first > last:
            self.wrong("to", "field-invalid", WRONG)
        return first, last

    def done(self) -> None:
        """Raise the Refusal that names everything wrong."""
        if self.errors:
            raise Refusal(self.errors[0].code, errors=self.errors)


def _day(text: str) -> date:
    day = date.fromisoformat(text)
    if day.year not in YEARS:
        raise ValueError(text)
    return day
