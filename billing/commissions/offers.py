"""What matching a rival would cost: a question is kept with the business that it is asked of.

Platform's role only, all of it. The answer is a pure function of what is kept, and its hash is over
all of it: whoever has question and inputs makes the same answer, to the byte.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec

from billing.commissions.books import Books, take_turn
from billing.commissions.rules import plans
from billing.commissions.rules.counter_offer import Agent, Chance, Simulated, simulate
from billing.commissions.rules.plans import PPM, Measure, PlanVersion
from billing.commissions.schemas import (
    Business,
    CommissionKeyReused,
    OfferNotFound,
    OfferQuestion,
    OfferRow,
    OfferTooLarge,
    OfferView,
    RivalTiers,
    RivalTimes,
)
from billing.commissions.tables import CommissionSale, CounterOffer

VALUED_MAX: Final = 2_000_000
"""So many agents times futures at most: 10,000 in 200 of them."""
_NOBODY: Final = UUID(int=0)

_BUSINESS: Final = """
WITH sale AS (
    SELECT sale.id, sale.agent_id, sold, refunded,
        div(revenue_minor::numeric * (sold - refunded), sold) AS revenue
    FROM commission_sale sale JOIN commission_plan_version version ON version.id = sale.version_id
    WHERE on_day >= {} AND on_day < {} AND revenue_minor IS NOT NULL
        AND version.terms ->> 'currency' = {}
        AND (cardinality({}::uuid[]) = 0 OR sale.agent_id = ANY ({}::uuid[]))
), earned AS (
    SELECT sale_id, sum(div(amount_minor::numeric * (sold - refunded), sold)) AS minor
    FROM commission_line line
    JOIN sale ON sale.id = line.sale_id AND sale.agent_id = line.agent_id
    WHERE line.level = 0 GROUP BY sale_id
)
SELECT agent_id, div(sum(revenue), {})::bigint AS revenue_minor,
    div(sum(coalesce(minor, 0)), {})::bigint AS commission_minor
FROM sale LEFT JOIN earned ON earned.sale_id = sale.id
GROUP BY agent_id ORDER BY agent_id LIMIT {}
"""
_ASK: Final = """
INSERT INTO counter_offer (id, question, inputs, asked_by, asked_at) VALUES ({}, {}, {}, {}, {})
"""
_ONE: Final = """
SELECT id, question, inputs, asked_by, asked_at, answer, hash, answered_at FROM counter_offer
WHERE id = {}
"""
_LIST: Final = """
SELECT id, asked_by, asked_at, answered_at, question FROM counter_offer
WHERE {}::timestamptz IS NULL OR (asked_at, id) < ({}::timestamptz, {}::uuid)
ORDER BY asked_at DESC, id DESC LIMIT {}
"""
_ANSWER: Final = """
UPDATE counter_offer SET answer = {}, hash = {}, answered_at = {}
WHERE id = {} AND answer IS NULL
"""


async def ask(offer_id: UUID, question: OfferQuestion, until: date, books: Books) -> bool:
    """Keep a question with the agents' business of the last whole months; give whether it is new.

    :param until: the first day that is not looked at, and of a month.
    :raises CommissionKeyReused: the id belongs to another question.
    :raises OfferTooLarge: more agents in more futures than are simulated.
    :raises PlanUnsound: the rival's tiers contradict each other.
    """
    if isinstance(question.rival, RivalTiers):
        plans.ensure_sound(_as_plan(question.rival, question.currency))
    await take_turn(offer_id)
    asked = msgspec.json.encode(question)
    if held := await CounterOffer.raw(_ONE, offer_id):
        if held[0]["question"] != asked:
            raise CommissionKeyReused("This id belongs to another question; make a new one.")
        return False
    agents_max = VALUED_MAX // question.scenarios
    found = await _business(question, until, limit=agents_max + 1)
    if len(found) > agents_max:
        raise OfferTooLarge(
            f"{question.scenarios} futures are simulated for {agents_max} agents at most; "
            "ask for fewer futures, or name agents."
        )
    inputs = msgspec.json.encode(found)
    await CounterOffer.raw(_ASK, offer_id, asked, inputs, books.actor_id, books.now)
    return True


async def _business(question: OfferQuestion, until: date, *, limit: int) -> list[Business]:
    """Give what each agent sold and earned in a month, on average of those looked back at."""
    months = question.months_back
    years, month = divmod(until.year * 12 + until.month - 1 - months, 12)
    since = date(years, month + 1, 1)
    rows = await CommissionSale.raw(
        *(_BUSINESS, since, until, question.currency, question.agent_ids, question.agent_ids),
        *(months, months, limit),
    )
    return msgspec.convert(rows, list[Business])


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A question without an answer, as its very bytes."""

    id: UUID
    question: bytes
    inputs: bytes


async def waiting(offer_id: UUID) -> Waiting | None:
    """Give a question that has no answer yet; None where it has.

    :raises OfferNotFound: there is no such question.
    """
    row = await _row(offer_id)
    if row["answered_at"] is not None:
        return None
    return Waiting(id=row["id"], question=row["question"], inputs=row["inputs"])


def made(asked: Waiting, chance: Callable[[int], Chance]) -> bytes:
    """Make a question's answer as JSON. Seconds of computing, and nothing else.

    :param chance: makes what futures are drawn from, of the question's seed.
    """
    question = msgspec.json.decode(asked.question, type=OfferQuestion)
    found = msgspec.json.decode(asked.inputs, type=list[Business])
    answer = simulate(
        agents_of(question, found),
        question.believed,
        scenarios=question.scenarios,
        chance=chance(question.seed),
    )
    return msgspec.json.encode(answer)


async def keep(asked: Waiting, answer: bytes, *, now: datetime) -> None:
    """Keep a question's answer, once, with the hash of all of it."""
    digest = hashlib.sha256(b"\n".join((asked.question, asked.inputs, answer))).digest()
    await CounterOffer.raw(_ANSWER, answer, digest, now, asked.id)


async def one(offer_id: UUID) -> OfferView:
    """Give a question, and its answer where there is one.

    :raises OfferNotFound: there is no such question.
    """
    row = await _row(offer_id)
    question = msgspec.json.decode(row["question"], type=OfferQuestion)
    found = msgspec.json.decode(row["inputs"], type=list[Business])
    asked = agents_of(question, found)
    return OfferView(
        id=row["id"],
        question=question,
        asked_by=row["asked_by"],
        asked_at=row["asked_at"],
        agents=len(asked),
        left_out=len(found) - len(asked),
        revenue_minor=sum(each.revenue_minor for each in asked),
        commission_minor=sum(each.commission_minor for each in asked),
        answer=msgspec.json.decode(row["answer"], type=Simulated) if row["answer"] else None,
        hash=row["hash"].hex() if row["hash"] else None,
        answered_at=row["answered_at"],
    )


async def agents_in(offer_id: UUID) -> list[UUID]:
    """List whose business a question is asked of, those too of whom no answer can be made.

    :raises OfferNotFound: there is no such question.
    """
    inputs = (await _row(offer_id))["inputs"]
    return [each.agent_id for each in msgspec.json.decode(inputs, type=list[Business])]


async def listed(*, before: tuple[datetime, UUID] | None, limit: int) -> list[OfferRow]:
    """List what was asked, the newest first.

    :param before: time and id of the last one that was seen.
    """
    asked_at, offer_id = before or (None, None)
    rows = await CounterOffer.raw(_LIST, asked_at, asked_at, offer_id, limit)
    return [
        OfferRow(
            id=row["id"],
            rival=msgspec.json.decode(row["question"], type=OfferQuestion).rival,
            asked_by=row["asked_by"],
            asked_at=row["asked_at"],
            answered_at=row["answered_at"],
        )
        for row in rows
    ]


def agents_of(question: OfferQuestion, found: Sequence[Business]) -> list[Agent]:
    """Say of each agent what the rival offers it; who earns nothing yet is left out."""
    return [
        Agent(
            revenue_minor=each.revenue_minor,
            margin_minor=each.revenue_minor * question.margin_ppm // PPM,
            commission_minor=each.commission_minor,
            multiplier=_times(question, each),
            other_value_minor=each.commission_minor * question.other_value_ppm // PPM,
        )
        for each in found
        if each.commission_minor > 0
    ]


def _times(question: OfferQuestion, one: Business) -> float:
    """Give how many times its commission the rival offers an agent."""
    match question.rival:
        case RivalTimes(times=times):
            return times
        case RivalTiers():
            plan = _as_plan(question.rival, question.currency)
            return plans.paid_for(plan, one.revenue_minor) / one.commission_minor
        case _:
            assert_never(question.rival)


def _as_plan(rival: RivalTiers, currency: str) -> PlanVersion:
    """Read a rival's tiers as a plan that pays for a month's revenue."""
    return PlanVersion(
        id=_NOBODY,
        plan_id=_NOBODY,
        begins_on=date.min,
        currency=currency,
        measure=Measure.REVENUE,
        tiers=rival.tiers,
        mode=rival.mode,
    )


async def _row(offer_id: UUID) -> Mapping[str, Any]:
    """Read one.

    :raises OfferNotFound: there is no such question.
    """
    rows: list[dict[str, Any]] = await CounterOffer.raw(_ONE, offer_id)
    if not rows:
        raise OfferNotFound("There is no such counter-offer.")
    return rows[0]
