"""Which parts of a dossier a correction may touch, and how it is laid over them.

A correction is a map of dotted paths to values (`applicant.phone`); `null` clears. What a dossier
*is* (its procedure, code, channels and times) is not corrected: withdraw it and receive anew. Its
place in the register is (`book`, `volume/number`): after a fork two may stand at one.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from records.codes import parse_book_ref
from records.command_types import ApplicantIn, ProxyIn, ReceiveDossier
from records.values import Applicant, Proxy

_PARTS: Mapping[str, type[msgspec.Struct]] = {"applicant": ApplicantIn, "proxy": ProxyIn}
_OWN = ("sets", "summary", "note", "pages", "copies", "return_address")
BOOK = "book"
"""The place in the register of the dossier's year, as printed."""
FEE_BEARING = frozenset({"pages", "copies"})
"""Corrections after which the fee is worked out anew."""
IDENTITY = ("applicant.id_number", "applicant.id_kind")
"""Corrections after which number and kind must still agree."""


def _paths() -> Mapping[str, Any]:
    whole = {field.name: field.type for field in msgspec.structs.fields(ReceiveDossier)}
    parts = {
        f"{part}.{field.encode_name}": field.type
        for part, kind in _PARTS.items()
        for field in msgspec.structs.fields(kind)
    }
    return MappingProxyType({name: whole[name] for name in _OWN} | parts | {BOOK: str})


CORRECTABLE: Mapping[str, Any] = _paths()
"""Every path a correction may name, and the type its value must have."""


def applied(
    changes: Mapping[str, str | int | None], applicant: Applicant, proxy: Proxy | None
) -> dict[str, Any]:
    """Return the members of a dossier that these changes replace, with their new values.

    Paths that this version does not know are passed over.

    Raises:
        msgspec.ValidationError: a value does not fit, or a new proxy lacks its name or paper.
    """
    replaced: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for path, value in changes.items():
        head, _, member = path.partition(".")
        if path in _OWN:
            replaced[path] = msgspec.convert(value, CORRECTABLE[path])
        elif path in CORRECTABLE:
            parts.setdefault(head, {})[member] = value
    if "applicant" in parts:
        before = msgspec.to_builtins(applicant)
        replaced["applicant"] = msgspec.convert(before | parts["applicant"], Applicant)
    if "proxy" in parts:
        before = {} if proxy is None else msgspec.to_builtins(proxy)
        replaced["proxy"] = msgspec.convert(before | parts["proxy"], Proxy)
    if BOOK in changes and (place := book_place(changes[BOOK])) is not None:
        replaced["volume"], replaced["number"] = place
    return replaced


def book_place(value: str | int | None) -> tuple[int, int] | None:
    """Return volume and number that `volume/number` names, None when it names no such place."""
    ref = parse_book_ref(value) if isinstance(value, str) else None
    return None if ref is None or ref.year is not None else (ref.volume, ref.number)
