"""Which statement follows the one that is held (section 11)."""

from . import cose, statements
from .cbor_strict import Value
from .refused import need, refuse
from .statements import elements, payload_of, verify

PROVINCE, CHANGE = "commune/province/1", "commune/root/1"


def _number(record: list[Value]) -> int:
    number = record[1]
    if not isinstance(number, int):
        refuse("n")
    return number


def follow(held: bytes, data: bytes) -> bytes:
    """Give the province.cose that takes the place of `held`; empty: it has the same number."""
    known = elements(payload_of(held), PROVINCE)
    root = cose.byte_string(known[7])
    if statements.says(payload_of(data)) == CHANGE:
        change = elements(verify(data, CHANGE, root), CHANGE)
        need(change[1] == root, "leaves another root")
        data = cose.byte_string(change[2])
        root = cose.byte_string(elements(payload_of(data), PROVINCE)[7])
    record = elements(verify(data, PROVINCE, root), PROVINCE)
    need(record[7] == root, "names another root")
    need(_number(record) >= _number(known), "older")
    return data if _number(record) > _number(known) else b""
