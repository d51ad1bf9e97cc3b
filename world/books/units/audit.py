"""Audit what came of units, by plain counting: each promise from a held one kept, none twice."""

from collections import Counter
from typing import Final

from billing.budgets import queries as budgets
from billing.escrow import queries as escrow
from server.kit import db
from world.books.audit import Findings
from world.books.trial import OPERATOR
from world.books.units.plan import AMOUNT, Plan
from world.books.units.trial import Played

_BENEFITS: Final = "SELECT id, request_key FROM issuance WHERE program_id = $1"
_HELD: Final = """
SELECT count(*) FROM escrow_unit WHERE program_id = $1 AND state IN ('held', 'given_back')
"""


async def audit(plan: Plan, played: Played) -> Findings:
    """Compare the database with what every phone was told."""
    found = Findings()
    async with db.platform_transaction(OPERATOR):
        rows = await db.connection().fetch(_BENEFITS, plan.program_id)
        held = await db.connection().fetchval(_HELD, plan.program_id)
        program = (await budgets.program_books([plan.program_id]))[plan.program_id]
        found.overspent += [f"unit {each.subject}" for each in await escrow.contradictions()]
    benefits = {row["request_key"]: row["id"] for row in rows}
    for promise in played.promised:
        is_there = benefits.get(promise.key) == promise.unit_id
        if promise.is_sure and not is_there:
            found.lost.append(f"{promise} was not kept")
        if promise.is_kept and not is_there:
            found.lost.append(f"{promise} was told to be kept")
    keys = {promise.key for promise in played.promised} | played.issued
    found.doubled += [f"benefit {key} was asked by nobody" for key in benefits.keys() - keys]
    found.lost += [f"benefit {key} was told" for key in played.issued - benefits.keys()]
    named = Counter(benefits[key] for key in keys & benefits.keys())
    found.doubled += [f"unit {unit} is two benefits" for unit, count in named.items() if count > 1]
    right = (len(benefits) + held) * AMOUNT
    if (program.held_minor, program.funded_minor) != (right, plan.allocated * AMOUNT):
        found.overspent.append(f"program {plan.program_id} is {program}, should hold {right}")
    return found
