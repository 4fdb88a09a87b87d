"""What made-up records are drawn from: `data/synthetic.toml` as values."""

import tomllib
from functools import cache
from importlib import resources

import msgspec
from msgspec import Struct


class Place(Struct, frozen=True):
    """One office and its people: `id_prefix` begins most card numbers, `clerks` sign in there."""

    code: str
    commune: str
    province: str
    id_prefix: str
    hamlets: tuple[str, ...]
    clerks: tuple[str, ...]


class Errand(Struct, frozen=True):
    """What people come for: a procedure, how often, and its papers; `pages`: paid by the page."""

    code: str
    weight: int
    papers: tuple[str, ...]
    pages: bool = False


class Lists(Struct, frozen=True):
    """What records are drawn from; a pair is a word and its weight."""

    family_names: tuple[tuple[str, int], ...]
    male_middles: tuple[str, ...]
    female_middles: tuple[str, ...]
    male_names: tuple[str, ...]
    female_names: tuple[str, ...]
    email_hosts: tuple[str, ...]
    purposes: tuple[tuple[str, int], ...]
    departments: tuple[str, ...]
    province_units: tuple[str, ...]
    notes: tuple[str, ...]
    proxy_papers: tuple[str, ...]
    supplement_reasons: tuple[str, ...]
    refuse_reasons: tuple[str, ...]
    decline_reasons: tuple[str, ...]
    withdraw_reasons: tuple[str, ...]
    extend_reasons: tuple[str, ...]
    correct_reasons: tuple[str, ...]
    orders: tuple[tuple[str, str], ...]
    notices: tuple[tuple[str, str], ...]
    provinces: tuple[tuple[str, str], ...]
    commune_kinds: tuple[tuple[str, int], ...]
    commune_words: tuple[str, ...]
    hamlet_kinds: tuple[tuple[str, int], ...]
    sandbox: Place
    procedures: tuple[Errand, ...]


@cache
def lists() -> Lists:
    """Return the lists, read once."""
    source = resources.files("records").joinpath("data/synthetic.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(source), Lists)
