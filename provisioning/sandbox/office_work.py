"""One office at work: dossiers through its socket, people read by the scanner at its door."""

import asyncio
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

import msgspec
from msgspec import Struct

from provisioning.sandbox.facts import Facts
from provisioning.sandbox.layout import OfficeLayout
from provisioning.sandbox.reach import Answer, Place, ask
from provisioning.sandbox.scanner import Scanner
from records import synthetic

LOOK_AGAIN_S: Final = 0.1
READ_S_MAX: Final = 10
"""From the scanner's beep to the record; what takes longer is not coming."""


class WorkFailed(Exception):  # noqa: N818 - a finding, told as it is
    """Office or province did not answer as they should; the message says what they said."""


class Received(Struct, frozen=True):
    """A dossier as the office acknowledged it; without a code it has its place in the book."""

    number: str
    procedure: str
    due_at: str | None


class Marks(Struct, frozen=True):
    """How far an office is: events recorded, events the province has, and its line."""

    head: int
    delivered: int
    line: str


class Reconciled(Struct, frozen=True):
    """What both sides hold, as the province compares it."""

    is_equal: bool
    office: int
    province: int
    hash: str


class OfficeWork:
    """What the story does at one office, and what it asks both sides."""

    def __init__(
        self, facts: Facts, office: OfficeLayout, door: Scanner, *, today: date, seed: int
    ) -> None:
        self._facts = facts
        self._agent = facts.agents[0]
        self._socket = Place(socket=office.socket)
        self._server = Place(port=int(facts.server.rpartition(":")[2]))
        self._door = door
        self._commands = synthetic.commands(seed, today=today)
        self._cards = citizen_cards(self._commands)

    async def receive_dossier(self) -> Received:
        """Receive a made-up dossier. Raises WorkFailed."""
        command = next(c for c in self._commands if c["type"] == "dossier.receive")
        body = msgspec.json.encode(command | {"actor": self._agent.users[0].name})
        headers = {"Content-Type": "application/json"}
        answer = await self._ask(self._socket, "POST", "/api/commands", body, headers)
        result = _good(answer)
        dossier = _good(await self._ask(self._socket, "GET", f"/api/dossiers/{result['id']}"))
        return Received(
            number=result["code"] or f"{result['book_year']}/{result['book']}",
            procedure=dossier["procedure"]["name"],
            due_at=result["due_at"],
        )

    async def let_in(self) -> str:
        """Read a made-up citizen card at the door; return the visitor's name as lists show it.

        Raises WorkFailed when no visit is recorded.
        """
        visitor = next(self._cards)
        before = await self._newest_visit()
        self._door.scan(visitor)
        try:
            async with asyncio.timeout(READ_S_MAX):
                # The reading has no answer of its own: the record is what tells.
                while (visit := await self._newest_visit()) == before or visit is None:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_AGAIN_S)
        except TimeoutError:
            raise WorkFailed("door") from None
        return str(visit["name"])

    async def marks(self) -> Marks:
        """Return how far the office is. Raises WorkFailed."""
        status = _good(await self._ask(self._socket, "GET", "/api/status"))
        return msgspec.convert(status, Marks)

    async def door_is_ready(self) -> bool:
        """Tell whether the office has its scanner open."""
        devices = _good(await self._ask(self._socket, "GET", "/api/devices"))["items"]
        return any(d["name"] == "door" and d["state"] == "ready" for d in devices)

    async def reconciled(self) -> Reconciled:
        """Ask the province to compare. Raises WorkFailed."""
        headers = {"Authorization": f"Bearer {self._facts.reports_token}"}
        target = f"/v1/reconciliation/{self._agent.office}"
        told = _good(await self._ask(self._server, "GET", target, b"", headers))
        heads = told["heads"]
        if not heads:
            return Reconciled(False, 0, 0, "")
        office, province = heads[0]["office"], heads[0]["province"]
        return Reconciled(
            is_equal=told["equal"] and office == province,
            office=office[0] if office else 0,
            province=province[0],
            hash=province[1],
        )

    async def _newest_visit(self) -> Any:
        items = _good(await self._ask(self._socket, "GET", "/api/visits?limit=1"))["items"]
        return items[0] if items else None

    async def _ask(
        self,
        place: Place,
        method: str,
        target: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        try:
            return await ask(place, method, target, body, headers=headers)
        except (OSError, EOFError, ValueError) as error:
            raise WorkFailed(f"{method} {target}: {str(error) or type(error).__name__}") from error


def _good(answer: Answer) -> Any:
    """Return what was answered. Raises WorkFailed for a refusal or what is no JSON."""
    if answer.status != 200:
        raise WorkFailed(answer.body.decode("utf-8", "replace"))
    try:
        return answer.json()
    except msgspec.DecodeError as error:
        raise WorkFailed(str(error)) from error


def citizen_cards(commands: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Yield the QR codes of those who come in, each once: seven fields, as issued since 2021.

    A card read again within the minute is passed over and one read later lets its holder out, so
    neither would be somebody coming in.
    """
    came_in: set[str] = set()
    for command in commands:
        if command["type"] != "visit.check_in" or command["visitor"]["id_number"] in came_in:
            continue
        person = command["visitor"]
        came_in.add(person["id_number"])
        born = date.fromisoformat(person["date_of_birth"])
        gender = "Nữ" if person["gender"] == "female" else "Nam"
        fields = (
            person["id_number"], "", person["full_name"], f"{born:%d%m%Y}", gender,
            person["address"], "15082021",
        )  # fmt: skip
        yield "|".join(fields).encode()
