"""Made-up work of an office, the same for the same seed: for trials, measurements and training.

`commands` gives what a counter and a door send in; `records.synthetic_journal` the events that
such work leaves in a journal.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

from records.calendar import Calendar, shipped
from records.catalogue import load as load_catalogue
from records.s10 import check_digit
from records.search_text import fold
from records.synthetic_lists import Errand, Place, lists

T = TypeVar("T")
Command = dict[str, Any]
"""One command as JSON holds it (docs/interfaces.md "Commands")."""

FIRST_DAY = date(2026, 11, 20)
"""The day the made-up work begins, unless the caller names another."""


def commands(
    seed: int, *, today: date = FIRST_DAY, place: Place | None = None
) -> Iterator[Command]:
    """Give without end what comes in at counter and door: dossiers and check-ins.

    None refers to another, so they can be sent to any office whose catalogue is the shipped one.
    `today` is the day they are sent: due times that a clerk must give lie after it.
    """
    people = People(seed, today, place or lists().sandbox)
    while True:
        yield people.intake()


def everyday(
    seed: int,
    *,
    today: date = FIRST_DAY,
    place: Place | None = None,
    volume: int = 1,
    number: int = 1,
) -> Iterator[Command]:
    """Give without end what an office does, follow-ups and check-outs too.

    Dossiers are named by year, volume and number; `volume` and `number` are the next entry of the
    book, and each dossier.receive must be accepted for the later references to be right.
    """
    yield from work(People(seed, today, place or lists().sandbox), volume, number)


def work(people: "People", volume: int, number: int) -> Iterator[Command]:
    """Give what `everyday` gives, of people whose `today` the caller moves on."""
    open_dossiers: list[tuple[str, list[Command]]] = []
    inside: list[str] = []
    while True:
        dice = people.dice.random()
        if dice < 0.3 or not open_dossiers:
            open_dossiers.append((f"{people.today.year}/{volume}/{number}", people.life()))
            number += 1
            yield people.dossier()
        elif dice < 0.5:
            visit = people.check_in()
            inside.append(visit["visitor"]["id_number"])
            yield visit
        elif dice < 0.65 and inside:
            visitor = inside.pop(people.dice.randrange(len(inside)))
            yield {"type": "visit.check_out", "visitor": {"id_number": visitor}}
        elif dice < 0.68:
            yield people.decline()
        else:
            place_in_book, life = people.pick(open_dossiers)
            step = life.pop(0)
            if not life:
                open_dossiers.remove((place_in_book, life))
            yield {"type": step["type"], "dossier": place_in_book, **step}


def made_up_place(seed: int) -> Place:
    """Return an office that does not exist, in one of the provinces that do."""
    people = People(seed, FIRST_DAY, lists().sandbox)
    province, id_prefix = people.pick(people.lists.provinces)
    names = people.lists.female_names + people.lists.male_names
    return Place(
        code=f"H{people.dice.randint(1, 63):02}.{people.dice.randint(1, 400)}",
        commune=people.commune(),
        province=province,
        id_prefix=id_prefix,
        hamlets=tuple(people.hamlet() for _ in range(10)),
        clerks=tuple(f"{fold(people.pick(names))}.{people.initials()}" for _ in range(3)),
    )


class People:
    """Everybody who comes to one office, drawn from one source of chance."""

    def __init__(self, seed: int, today: date, place: Place) -> None:
        self.dice = random.Random(seed)  # noqa: S311 - it shall repeat itself
        self.today = today
        self.place = place
        self.lists = lists()
        self._calendar = Calendar().with_set(shipped().body)
        self._errand_weights = [errand.weight for errand in self.lists.procedures]
        self._seen: list[dict[str, Any]] = []
        self._waiting: list[dict[str, Any]] = []

    def chance(self, probability: float) -> bool:
        """Tell whether something of that probability happened."""
        return self.dice.random() < probability

    def pick(self, items: Sequence[T]) -> T:
        """Return one of `items`, all alike."""
        return self.dice.choice(items)

    def weighted(self, items: Sequence[tuple[str, int]]) -> str:
        """Return one of the words, by weight."""
        return self.dice.choices([word for word, _ in items], [weight for _, weight in items])[0]

    def digits(self, count: int) -> str:
        """Return as many random digits."""
        return f"{self.dice.randrange(10**count):0{count}}"

    def initials(self) -> str:
        """Return two letters, as sign-in names end."""
        return "".join(self.dice.choices("bdhlnptv", k=2))

    def phone(self) -> str:
        """Return a mobile number that nobody was asked for."""
        return f"09{self.digits(8)}"

    def name(self, gender: str) -> str:
        """Return a full name as the card writes it."""
        middles = self.lists.male_middles if gender == "male" else self.lists.female_middles
        names = self.lists.male_names if gender == "male" else self.lists.female_names
        return f"{self.weighted(self.lists.family_names)} {self.pick(middles)} {self.pick(names)}"

    def person(self) -> dict[str, Any]:
        """Return somebody with a citizen card: number, birth and gender agree."""
        gender = self.pick(("female", "male"))
        born = self.today - timedelta(days=self.dice.randrange(18 * 365, 80 * 365))
        century_gender = (born.year // 100 - 19) * 2 + (gender == "female")
        home = self.place.id_prefix if self.chance(0.8) else self.pick(self.lists.provinces)[1]
        return {
            "full_name": self.name(gender),
            "id_number": f"{home}{century_gender}{born.year % 100:02}{self.digits(6)}",
            "date_of_birth": born.isoformat(),
            "gender": gender,
            "phone": self.phone(),
            "address": self.address(),
        }

    def address(self) -> str:
        """Return where somebody lives, mostly in this commune."""
        if self.chance(0.85):
            return f"{self.pick(self.place.hamlets)}, {self.place.commune}, {self.place.province}"
        return f"{self.hamlet()}, {self.commune()}, {self.pick(self.lists.provinces)[0]}"

    def hamlet(self) -> str:
        """Return the name of a hamlet somewhere."""
        kind = self.weighted(self.lists.hamlet_kinds)
        return f"{kind} {self.dice.randint(1, 15) if self.chance(0.6) else self._two_words()}"

    def commune(self) -> str:
        """Return the name of a commune that may or may not exist."""
        return f"{self.weighted(self.lists.commune_kinds)} {self._two_words()}"

    def _two_words(self) -> str:
        return " ".join(self.dice.sample(self.lists.commune_words, 2))

    def visitor(self) -> dict[str, Any]:
        """Return somebody at the door: one in five was here before, to ask, to file, to collect."""
        if self._seen and self.chance(0.2):
            visitor = self.pick(self._seen)
        else:
            visitor = self.person()
            self._seen = [*self._seen[-999:], visitor]
        self._waiting = [*self._waiting[-5:], visitor]
        return dict(visitor)

    def applicant(self, channel: str) -> dict[str, Any]:
        """Return an applicant; at the counter mostly one of those who came in last."""
        if channel == "direct" and self._waiting and self.chance(0.9):
            applicant = dict(self._waiting.pop(self.dice.randrange(len(self._waiting))))
        else:
            applicant = self.person()
        if self.chance(0.08):
            applicant["email"] = f"user{self.digits(4)}@{self.pick(self.lists.email_hosts)}"
        if self.chance(0.04):
            applicant["organisation"] = f"Công ty TNHH {applicant['full_name'].split()[-1]} Phát"
        return applicant

    def errand(self) -> Errand:
        """Return what somebody comes for."""
        return self.dice.choices(self.lists.procedures, self._errand_weights)[0]

    def intake(self) -> Command:
        """Return what comes in without reference to anything: a dossier or a check-in."""
        return self.dossier() if self.chance(0.45) else self.check_in()

    def dossier(self) -> Command:
        """Return a dossier handed in."""
        errand = self.errand()
        channel = self.weighted((("direct", 78), ("online", 16), ("postal", 6)))
        back = self.weighted((("direct", 80), ("postal", 15), ("online", 5)))
        command: Command = {
            "type": "dossier.receive",
            "procedure_code": errand.code,
            "channel": channel,
            "return_channel": back,
            "applicant": self.applicant(channel),
        }
        if self.chance(0.06):
            command["proxy"] = self.proxy()
        command["documents"] = self.documents(errand)
        command.update(self._rarely())
        if errand.pages:
            command.update(pages=self.dice.randint(1, 12), copies=self.dice.randint(1, 5))
        if self._time_needed(errand.code):
            command["due_at"] = self.due_at(self.pick((3, 5, 7, 10, 15, 20)))
        if back == "postal":
            command["return_address"] = command["applicant"]["address"]
        return command

    def _rarely(self) -> Iterator[tuple[str, Any]]:
        if self.chance(0.03):
            yield "sets", 2
        if self.chance(0.08):
            yield "note", self.pick(self.lists.notes)
        if self.chance(0.02):
            yield "urgent", True

    def documents(self, errand: Errand) -> list[dict[str, Any]]:
        """Return the papers that go with an errand, now and then one less."""
        papers = errand.papers[: len(errand.papers) - self.chance(0.15)] or errand.papers
        return [self._document(paper, first=paper == papers[0]) for paper in papers]

    def _document(self, name: str, *, first: bool) -> dict[str, Any]:
        copies = 1 if self.chance(0.9) else 2
        document: dict[str, Any] = {"name": name, "copies": copies}
        document["original"] = first or self.chance(0.5)
        if self.chance(0.25):
            document["scanned"] = True
        elif self.chance(0.02):
            document["data_unreachable"] = True
        return document

    def proxy(self) -> dict[str, Any]:
        """Return who hands in for somebody else."""
        person = self.person()
        keys = ("full_name", "id_number", "phone")
        return {key: person[key] for key in keys} | {"paper": self.pick(self.lists.proxy_papers)}

    def check_in(self) -> Command:
        """Return somebody coming in at the door."""
        person = self.visitor()
        method = self.weighted(
            (("id_card_qr", 75), ("declared_by_staff", 12), ("phone_qr", 8), ("pass", 5))
        )
        command: Command = {"type": "visit.check_in", "visitor": person, "method": method}
        if self.chance(0.9):
            command["purpose"] = self.weighted(self.lists.purposes)
        if self.chance(0.7):
            command["temperature_c"] = round(36.1 + self.dice.betavariate(3, 5) * 1.6, 1)
        command["symptoms"] = [] if self.chance(0.97) else [self.pick(("cough", "sore_throat"))]
        if method == "declared_by_staff":
            command["declared_by"] = self.pick(("staff", "relative"))
        return command

    def decline(self) -> Command:
        """Return somebody sent away before acceptance."""
        errand = self.errand()
        command: Command = {
            "type": "dossier.decline",
            "procedure_code": errand.code,
            "reason": self.pick(self.lists.decline_reasons),
            "form": self.pick(("02", "02", "03")),
        }
        if self.chance(0.6):
            command["papers"] = list(errand.papers)
        return command

    def life(self) -> list[Command]:
        """Return what becomes of a dossier after it was received, without its reference."""
        steps: list[Command] = []
        if self.chance(0.3):
            steps.append(self.payment())
        if self.chance(0.08):
            steps.append({"type": "dossier.correct", **self._correction()})
        if self.chance(0.12):
            steps += self._supplement()
        if self.chance(0.6):
            steps.append({"type": "dossier.forward", **self._next_desk()})
        return steps + self._end()

    def payment(self) -> Command:
        """Return a fee paid."""
        amount = self.pick((2_000, 4_000, 8_000, 10_000, 10_000, 20_000, 30_000, 50_000))
        by = self.weighted((("cash", 60), ("transfer", 30), ("online", 10)))
        fee: Command = {"type": "dossier.pay", "name": "Lệ phí", "amount_vnd": amount, "by": by}
        return fee | {"receipt": f"BL{self.digits(6)}"} if self.chance(0.5) else fee

    def _correction(self) -> Command:
        path, value = self.pick(
            (
                ("applicant.phone", self.phone()),
                ("applicant.address", self.address()),
                ("applicant.full_name", self.name("female")),
            )
        )
        return {"set": {path: value}, "reason": self.pick(self.lists.correct_reasons)}

    def _supplement(self) -> list[Command]:
        errand = self.errand()
        reason = self.pick(self.lists.supplement_reasons)
        papers = [self.pick(errand.papers)]
        documents = [self._document(papers[0], first=True)]
        return [
            {"type": "dossier.request_supplement", "papers": papers, "reason": reason},
            {"type": "dossier.supplement", "documents": documents},
        ]

    def _next_desk(self) -> Command:
        if self.chance(0.75):
            return {"to": self.pick(self.lists.departments), "holder": "office"}
        return {"to": self.pick(self.lists.province_units), "holder": "province"}

    def _end(self) -> list[Command]:
        lists = self.lists
        steps: list[Command] = []
        if self.chance(0.05):
            reason = self.pick(lists.extend_reasons)
            steps.append({"type": "dossier.extend", "due_at": self.due_at(30), "reason": reason})
        end = self.weighted((("resolve", 90), ("refuse", 4), ("withdraw", 5), ("stop", 1)))
        if end == "resolve":
            steps.append({"type": "dossier.resolve", "result": self.result()})
        elif end == "withdraw":
            reason = self.pick(lists.withdraw_reasons)
            steps.append({"type": "dossier.withdraw", "reason": reason})
        else:
            reason = self.pick(lists.refuse_reasons)
            steps.append({"type": f"dossier.{end}", "reason": reason})
        if self.chance(0.05):
            steps.append({"type": "dossier.change_return", "return_channel": "direct"})
        return [*steps, self.hand_over()]

    def result(self) -> dict[str, Any]:
        """Return what a dossier was resolved with."""
        result: dict[str, Any] = {"kind": self.pick(("paper", "paper", "electronic", "both"))}
        if self.chance(0.7):
            result["number"] = f"{self.dice.randint(1, 999)}/{self.today.year}"
        return result

    def hand_over(self) -> Command:
        """Return a result given back."""
        by = self.weighted((("direct", 78), ("online", 12), ("postal", 8), ("official_mail", 2)))
        command: Command = {"type": "dossier.return", "by": by}
        if by == "postal":
            command["item"] = self.item()
        if by == "direct" and self.chance(0.15):
            person = self.person()
            recipient = {key: person[key] for key in ("full_name", "id_number")}
            command["to"] = recipient | {"paper": self.pick(self.lists.proxy_papers)}
        return command

    def item(self) -> str:
        """Return the number of a registered item, with its check digit (UPU S10)."""
        serial = self.digits(8)
        return f"RR{serial}{check_digit(serial)}VN"

    def due_at(self, working_days: int) -> str:
        """Return the closing time so many working days after today."""
        day = self._calendar.add_working_days(self.today, working_days)
        return self._calendar.closing(day).isoformat()

    def _time_needed(self, code: str) -> bool:
        procedure = load_catalogue().get(code)
        return procedure is not None and procedure.working_days is None
