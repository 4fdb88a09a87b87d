"""Accidents in the middle of an enrolment or a rotation: the answer lost, the power gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioning import durable
from provisioning.province_line import ProvinceLine
from wire.problems import Refusal


class LostReply:
    """A line on which the request arrives and the answer does not."""

    def __init__(self, line: ProvinceLine) -> None:
        self._line = line

    def province(self, wanted: str = "") -> bytes:
        return self._line.province(wanted)

    def enrol(self, ticket_id: bytes, request: bytes) -> bytes:
        self._line.enrol(ticket_id, request)
        raise Refusal("line-cut")


class PowerCut(BaseException):
    """What nobody catches."""


@contextmanager
def power_cut(monkeypatch: pytest.MonkeyPatch, writes: int) -> Iterator[None]:
    """Let the power go in the block after so many durable writes; it is back behind it."""
    write, left = durable.write, writes

    def failing(file: Path, data: bytes, *, mode: int = durable.SECRET) -> None:
        nonlocal left
        if left == 0:
            raise PowerCut
        left -= 1
        write(file, data, mode=mode)

    with monkeypatch.context() as patch:
        patch.setattr(durable, "write", failing)
        with pytest.raises(PowerCut):
            yield
