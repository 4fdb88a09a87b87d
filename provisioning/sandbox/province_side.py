"""The province's part of a sandbox: offices, tokens, operator, publications, tickets.

It is done through the server's own functions on its own database while no server runs.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from provisioning import at_province
from provisioning.sandbox.facts import OPERATOR, OfficePlan, Plan, Tokens
from provisioning.sandbox.layout import Layout
from provisioning.sandbox.samples import publications
from records.moment import office_day
from server import tokens, users
from server.context import ServerContext
from server.office_register import Entry
from server.publishing import publish
from server.tokens import Scope

TOKEN_NAME = "sandbox"  # noqa: S105 - the name people see, not the token
HOUR_S = 3_600


class Prepared(Struct, frozen=True):
    """The plan as it is now, and a ticket for each office that still needs one, by code."""

    plan: Plan
    tickets: Mapping[str, bytes]


async def prepare(layout: Layout, plan: Plan, unenrolled: frozenset[str]) -> Prepared:
    """Bring the province's database to what `plan` wants; doing it again changes nothing."""
    async with at_province.opened(layout.server_toml) as context:
        plan = await _with_offices(context, plan)
        if plan.tokens is None:
            plan = msgspec.structs.replace(plan, tokens=await _tokens(context))
            await _operator(context, plan.operator_password)
        if not plan.published:
            await _publish(context)
            plan = msgspec.structs.replace(plan, published=True)
        tickets = {
            code: (await at_province.issue(context, code, automatic=True, valid_s=HOUR_S)).statement
            for code in sorted(unenrolled)
        }
    return Prepared(plan, tickets)


async def _with_offices(context: ServerContext, plan: Plan) -> Plan:
    offices = [
        office if office.office_id is not None else await _add_office(context, office)
        for office in plan.offices
    ]
    return msgspec.structs.replace(plan, offices=tuple(offices))


async def _add_office(context: ServerContext, office: OfficePlan) -> OfficePlan:
    entry = Entry(office.code, office.name, office.ward_code)
    added = await at_province.add_office(context, entry)
    return msgspec.structs.replace(office, office_id=added)


async def _tokens(context: ServerContext) -> Tokens:
    # A run that was cut off before it kept its tokens must not leave them usable.
    await tokens.revoke(context, TOKEN_NAME)

    async def create(scope: Scope) -> str:
        return await tokens.create(context, scope=scope, name=TOKEN_NAME)

    return Tokens(await create("reports"), await create("feed"), await create("admin"))


async def _operator(context: ServerContext, password: str) -> None:
    await users.add(context, name=OPERATOR, role="operator", password=password)


async def _publish(context: ServerContext) -> None:
    await publish(context, None, publications(office_day(context.now_ms())))
