"""Reading JSON against a type and naming everything that is wrong, not only the first place.

msgspec stops at the first wrong member, which is right for a machine and slow for a person. Here
the same types are walked again over the parsed JSON; what can be read is kept, so that the rules
between members can still be asked about the rest.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, NoReturn

import msgspec
from msgspec import Meta, inspect

from records.texts import wrong
from wire.problems import FieldError

DIGITS_MAX = 100
"""Digits of a whole number that are looked at: far above 64 bits, far below what Python reads."""
AwareTime = Annotated[datetime, Meta(tz=True)]


class Repeating(dict[str, Any]):
    """A JSON object in which these names stand more than once."""

    __slots__ = ("repeated",)
    repeated: tuple[str, ...]


def parse_json(text: str, depth_max: int) -> Any:
    """Return parsed JSON; objects that repeat a name come as `Repeating`.

    Raises:
        RecursionError: it is nested deeper than `depth_max`.
        ValueError: it is no JSON; NaN and infinities are none (RFC 8259 section 6).
    """
    value = json.loads(text, object_pairs_hook=_object, parse_int=_whole, parse_constant=_no_number)
    _check_depth(value, depth_max)
    return value


def repeats_a_name(text: str) -> bool:
    """Tell whether any object of this JSON has a name twice."""
    found: list[bool] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        found.append(len({name for name, _ in pairs}) < len(pairs))

    json.loads(text, object_pairs_hook=look, parse_int=_whole)
    return any(found)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names = [name for name, _ in pairs]
    repeating = Repeating(found)
    repeating.repeated = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))
    return repeating


def _whole(digits: str) -> int:
    """Read a whole number; one of thousands of digits is as far out of range as it can be told."""
    return int(digits[:DIGITS_MAX])


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)


def _check_depth(value: Any, left: int) -> None:
    if not isinstance(value, (dict, list)):
        return
    if left == 0:
        raise RecursionError
    for inner in value.values() if isinstance(value, dict) else value:
        _check_depth(inner, left - 1)


@cache
def info_of(kind: Any) -> inspect.Type:
    """Return what msgspec knows of a type."""
    return inspect.type_info(kind)


def member(path: str, name: str) -> str:
    """Return the path of a member."""
    return f"{path}.{name}" if path else name


def read(value: Any, info: inspect.Type, path: str, errors: list[FieldError]) -> Any:
    """Return `value` as the type says; what is wrong is added to `errors` and reads as None."""
    match info:
        case inspect.StructType():
            return _struct(value, info, path, errors)
        case inspect.UnionType():
            return _union(value, info, path, errors)
        case inspect.VarTupleType():
            return _list(value, info, path, errors)
        case inspect.TupleType():
            return _row(value, info, path, errors)
        case inspect.DictType():
            return _map(value, info, path, errors)
        case inspect.AnyType():
            return value  # somebody else reads it
        case _:
            error = _leaf_error(value, info, path)
            if error is None:
                return _leaf(value, info)
            errors.append(error)
            return None


def _struct(
    value: Any, info: inspect.StructType, path: str, errors: list[FieldError]
) -> msgspec.Struct | None:
    if not isinstance(value, dict):
        errors.append(wrong(path, "not_null" if value is None else "not_object"))
        return None
    before = len(errors)
    members: dict[str, Any] = {}
    for field in info.fields:
        place = member(path, field.encode_name)
        if field.encode_name in value:
            members[field.name] = read(value[field.encode_name], field.type, place, errors)
        elif field.required:
            errors.append(wrong(place, "missing", "field-missing"))
            members[field.name] = None
    names = [field.encode_name for field in info.fields]
    errors.extend(_unknown(value, names, info.tag_field, path))
    # A Struct checks nothing when it is made by hand, but for a rule of its own over several
    # members: members that could not be read are None, and such a rule would stumble over them.
    if hasattr(info.cls, "__post_init__") and len(errors) > before:
        return None
    try:
        made: msgspec.Struct = info.cls(**members)
    except ValueError as rule:
        errors.append(wrong(path, "said", said=rule))
        return None
    return made


def _unknown(
    value: Mapping[str, Any], names: Sequence[str], tag_field: str | None, path: str
) -> list[FieldError]:
    found = []
    if isinstance(value, Repeating):
        found += [wrong(member(path, name), "repeated") for name in value.repeated]
    for name in value:
        if name in names or name == tag_field:
            continue
        place = member(path, name)
        close = get_close_matches(name, names, n=1)
        if close:
            found.append(wrong(place, "unknown_close", "field-unknown", close=close[0]))
        else:
            found.append(wrong(place, "unknown", "field-unknown"))
    return found


def _union(value: Any, info: inspect.UnionType, path: str, errors: list[FieldError]) -> Any:
    some = [kind for kind in info.types if not isinstance(kind, inspect.NoneType)]
    if value is None and len(some) < len(info.types):
        return None
    for kind in some[:-1]:
        if _leaf_error(value, kind, path) is None:
            return value
    return read(value, some[-1], path, errors)


def _list(
    value: Any, info: inspect.VarTupleType, path: str, errors: list[FieldError]
) -> tuple[Any, ...] | None:
    if not isinstance(value, list):
        errors.append(wrong(path, "not_null" if value is None else "not_list"))
        return None
    if error := _count_error(len(value), info.min_length, info.max_length, path):
        errors.append(error)
        return None
    return tuple(
        read(item, info.item_type, f"{path}[{place}]", errors) for place, item in enumerate(value)
    )


def _row(
    value: Any, info: inspect.TupleType, path: str, errors: list[FieldError]
) -> tuple[Any, ...] | None:
    """Read a list of so many members, each with a type of its own."""
    if not isinstance(value, list):
        errors.append(wrong(path, "not_null" if value is None else "not_list"))
        return None
    count = len(info.item_types)
    if error := _count_error(len(value), count, count, path):
        errors.append(error)
        return None
    return tuple(
        read(item, kind, f"{path}[{place}]", errors)
        for place, (item, kind) in enumerate(zip(value, info.item_types, strict=True))
    )


def _map(
    value: Any, info: inspect.DictType, path: str, errors: list[FieldError]
) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        errors.append(wrong(path, "not_null" if value is None else "not_object"))
        return None
    if isinstance(value, Repeating):
        errors.extend(wrong(member(path, name), "repeated") for name in value.repeated)
    if error := _count_error(len(value), info.min_length, info.max_length, path):
        errors.append(error)
        return None
    return {
        read(name, info.key_type, member(path, name), errors): read(
            item, info.value_type, member(path, name), errors
        )
        for name, item in value.items()
    }


def _count_error(count: int, low: int | None, high: int | None, path: str) -> FieldError | None:
    if low is not None and count < low:
        return wrong(path, "too_few", min=low)
    if high is not None and count > high:
        return wrong(path, "too_many", max=high)
    return None


def _leaf(value: Any, info: inspect.Type) -> Any:
    match info:
        case inspect.DateType():
            return msgspec.convert(value, date)
        case inspect.DateTimeType():
            return msgspec.convert(value, AwareTime)
        case _:
            return value


def _leaf_error(value: Any, info: inspect.Type, path: str) -> FieldError | None:
    if value is None:
        return wrong(path, "not_null")
    match info:
        case inspect.StrType():
            return _text_error(value, info, path)
        case inspect.IntType():
            whole = isinstance(value, int) and not isinstance(value, bool)
            return _range_error(value, info, path) if whole else wrong(path, "not_whole")
        case inspect.FloatType():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            return _range_error(value, info, path) if number else wrong(path, "not_number")
        case inspect.BoolType():
            return None if isinstance(value, bool) else wrong(path, "not_true_false")
        case inspect.LiteralType():
            fits = isinstance(value, str) and value in info.values
            choices = ", ".join(map(str, info.values))
            return None if fits else wrong(path, "not_choice", choices=choices)
        case inspect.DateType():
            return None if _converts(value, date) else wrong(path, "not_day")
        case inspect.DateTimeType():
            return None if _is_time(value) else wrong(path, "not_time")
        case _:
            return wrong(path, "unreadable")


def _text_error(value: Any, info: inspect.StrType, path: str) -> FieldError | None:
    if not isinstance(value, str):
        return wrong(path, "not_text")
    if info.min_length is not None and len(value) < info.min_length:
        return wrong(path, "blank")
    if info.max_length is not None and len(value) > info.max_length:
        return wrong(path, "too_long", max=info.max_length)
    if info.pattern is not None and re.search(info.pattern, value) is None:
        return wrong(path, "unreadable")
    return None


def _range_error(
    value: float, info: inspect.IntType | inspect.FloatType, path: str
) -> FieldError | None:
    low, high = info.ge, info.le
    if (low is not None and value < low) or (high is not None and value > high):
        return wrong(path, "out_of_range", min=low, max=high)
    return None


def _is_time(value: Any) -> bool:
    """Tell whether this is RFC 3339 with an offset; msgspec takes a blank for the T too."""
    return _converts(value, AwareTime) and value[10:11] in {"T", "t"}


def _converts(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
