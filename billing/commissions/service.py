"""Publish plans, accrue commission, take it back. Each function joins the platform's transaction.

The ledger keeps every amount: a commission is a hold until its sale can no longer be refunded, then
what is left of it is posted. Nothing that was written is changed; what is wrong is corrected by
another entry.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final
from uuid import UUID, uuid5

import msgspec

from billing.commissions import queries
from billing.commissions.books import (
    PUBLISHING,
    Books,
    as_json,
    in_turn,
    in_turns,
    named,
    open_accounts,
    record,
    selling,
    take_turn,
)
from billing.commissions.rules import accounts, clawbacks, plans
from billing.commissions.rules.plans import Measure, PlanVersion
from billing.commissions.rules.shares import Share, shares
from billing.commissions.schemas import (
    SALE_MAX,
    CommissionKeyReused,
    CommissionTooLarge,
    Correction,
    LineState,
    LineView,
    Refund,
    RevenueDiffers,
    Sale,
    SaleNotFound,
)
from billing.commissions.tables import (
    CommissionItem,
    CommissionLine,
    CommissionPlanVersion,
    CommissionRefund,
    CommissionSale,
)
from billing.ledger import service as ledger
from billing.ledger.schemas import Hold, Post, Single, Transfer, Void
from billing.money import Money

_PUBLISH: Final = """
INSERT INTO commission_plan_version (id, plan_id, begins_on, terms, published_by, published_at)
VALUES ({}, {}, {}, {}::jsonb, {}, {})
"""
_SALE: Final = """
SELECT plan_id, agent_id, contract_id, on_day, sold, refunded, fingerprint FROM commission_sale
WHERE id = {} FOR NO KEY UPDATE
"""
_SELL: Final = """
INSERT INTO commission_sale (
    id, plan_id, version_id, agent_id, contract_id, on_day, sold, fingerprint, contract_number,
    revenue_minor, tier_base
) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})
"""
_ADD_LINES: Final = """
INSERT INTO commission_line (
    id, sale_id, agent_id, level, currency, amount_minor, payable_on, state
)
SELECT id, sale_id, agent_id, level, currency, amount_minor, payable_on, state
FROM jsonb_to_recordset({}::jsonb) AS line (
    id uuid, sale_id uuid, agent_id uuid, level integer, currency text, amount_minor bigint,
    payable_on date, state text
)
"""
_DUE: Final = """
SELECT line.id, line.agent_id, line.currency, line.amount_minor, sale.sold, sale.refunded
FROM commission_line line JOIN commission_sale sale ON sale.id = line.sale_id
WHERE line.state = 'held' AND line.payable_on <= {} ORDER BY line.id LIMIT {}
FOR NO KEY UPDATE
"""
_SETTLE: Final = "UPDATE commission_line SET state = {} WHERE id = ANY ({}::uuid[])"
_LOCK_SALES: Final = """
SELECT id FROM commission_sale WHERE id = ANY ({}::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
_LOCK_ACCOUNTS: Final = """
SELECT id FROM ledger_account WHERE id = ANY ({}::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
_REFUND: Final = """
INSERT INTO commission_refund (id, sale_id, refunded, recorded_at, reason)
VALUES ({}, {}, {}, {}, {})
"""
_REFUNDED: Final = "SELECT sale_id, refunded, reason FROM commission_refund WHERE id = {}"
_TAKE_BACK: Final = "UPDATE commission_sale SET refunded = refunded + {} WHERE id = {}"
_ADD_ITEMS: Final = """
INSERT INTO commission_item (id, line_id, agent_id, kind, currency, amount_minor, recorded_at)
SELECT id, line_id, agent_id, kind, currency, amount_minor, {}
FROM jsonb_to_recordset({}::jsonb) AS item (
    id uuid, line_id uuid, agent_id uuid, kind text, currency text, amount_minor bigint
)
"""


async def publish(version: PlanVersion, books: Books) -> bool:
    """Publish a version of a plan; it never changes. Give whether it is new.

    :raises PlanUnsound: it contradicts itself.
    :raises PlanVersionNotLater: another one begins as late.
    :raises CommissionKeyReused: its id was used for another one.
    """
    plans.ensure_sound(version)
    await in_turn(PUBLISHING)
    held = await queries.plan(version.plan_id)
    if version in held:
        return False
    if await queries.is_taken(CommissionPlanVersion, version.id):
        raise CommissionKeyReused("This id belongs to another version; make a new one.")
    plans.ensure_follows(held, version)
    terms = msgspec.json.encode(version).decode()
    await CommissionPlanVersion.raw(
        *(_PUBLISH, version.id, version.plan_id, version.begins_on, terms),
        *(books.actor_id, books.now),
    )
    return True


async def queue_up(
    sales: Sequence[Sale], refunds: Sequence[Refund], gaining: set[tuple[UUID, str]], books: Books
) -> None:
    """Lock what several sales and refunds will move, before the first of them is recorded.

    Each locks its own by itself. Who records several in one transaction would take them in the
    order of the rows, and two such could wait for each other for ever; all in the order in which
    one takes them, and each kind in its own order, they wait only in line.

    :param gaining: who may gain or lose by them, and in what currency.
    """
    ids = [*(each.id for each in sales), *(each.id for each in refunds)]
    await in_turns(map(named, ids))
    await in_turns(selling(each.sellers[0].agent_id) for each in sales)
    sold = [*(each.id for each in sales), *(each.sale_id for each in refunds)]
    await CommissionSale.raw(_LOCK_SALES, sold)
    await open_accounts(books, gaining)
    moved = [accounts.commission_account(*each) for each in gaining]
    moved += [accounts.cost_account(books.platform_id, currency) for _, currency in gaining]
    await CommissionSale.raw(_LOCK_ACCOUNTS, moved)


async def accrue(sale: Sale, above: Mapping[UUID, UUID], books: Books) -> list[LineView]:
    """Hold the commission of a sale, shared among who sold it and the agents above.

    :param above: by agent, who stands directly above.
    :raises NoPlanInForce: no version of the plan was in force that day.
    :raises UplineCircular: an agent stands above itself.
    :raises CommissionKeyReused: the id belongs to another sale.
    :raises CommissionTooLarge: it earns more than one sale may be.
    :raises RevenueDiffers: it says another revenue than it was sold for.
    """
    seller = sale.sellers[0].agent_id
    fingerprint = _fingerprint(sale, above)
    await take_turn(sale.id)
    if rows := await CommissionSale.raw(_SALE, sale.id):
        _ensure_same(sale, fingerprint, rows[0])
        return await queries.lines_of(sale.id)
    # The next sale of this agent is paid by what was sold before it.
    await in_turn(selling(seller))
    version = plans.in_force(await queries.plan(sale.plan_id), sale.on)
    revenue = _revenue(sale, version)
    before = await queries.sold_in_month(sale.plan_id, seller, sale.on)
    commission = plans.commission_minor(version, before, sale.sold)
    if commission > SALE_MAX:
        raise CommissionTooLarge("This sale would earn more than can be booked; correct it.")
    found = shares(Money(commission, version.currency), sale.sellers, above, version.upline_ppm)
    await CommissionSale.raw(
        *(_SELL, sale.id, sale.plan_id, version.id, seller, sale.contract_id, sale.on, sale.sold),
        *(fingerprint, sale.contract_number, revenue, before),
    )
    if found:
        lines = _lines(sale, version, found)
        await _hold(sale.id, lines, books)
        await CommissionLine.raw(_ADD_LINES, as_json(lines))
    return await queries.lines_of(sale.id)


def _revenue(sale: Sale, version: PlanVersion) -> int | None:
    """Give what the customer pays, where it is known.

    :raises RevenueDiffers: the plan measures it, and something else is said.
    """
    if version.measure is not Measure.REVENUE:
        return sale.revenue_minor
    if sale.revenue_minor not in {None, sale.sold}:
        raise RevenueDiffers("This plan measures revenue: leave it out, or say what was sold.")
    return sale.sold


def _fingerprint(sale: Sale, above: Mapping[UUID, UUID]) -> bytes:
    """Digest all that a sale says, and who it says stands above whom."""
    said = {name: getattr(sale, name) for name in Sale.__struct_fields__}
    # What may be left unsaid is left out, so that what was digested before stays the same.
    for name in ("contract_number", "revenue_minor"):
        if said[name] is None:
            del said[name]
    content = msgspec.json.encode([said, sorted(above.items())], order="deterministic")
    return hashlib.sha256(content).digest()


def _ensure_same(sale: Sale, fingerprint: bytes, held: Mapping[str, object]) -> None:
    """Refuse an id that belongs to another sale; one from before has no fingerprint.

    :raises CommissionKeyReused: it differs in something.
    """
    names = ("plan_id", "agent_id", "contract_id", "on_day", "sold")
    asked = (sale.plan_id, sale.sellers[0].agent_id, sale.contract_id, sale.on, sale.sold)
    is_same = tuple(held[name] for name in names) == asked
    if not is_same or held["fingerprint"] not in {None, fingerprint}:
        raise CommissionKeyReused("This id belongs to another sale; make a new one.")


def _lines(sale: Sale, version: PlanVersion, found: Sequence[Share]) -> list[LineView]:
    """Write a line for each share."""
    payable_on = sale.on + timedelta(days=version.hold_days)
    return [
        LineView(
            id=uuid5(sale.id, f"line:{n}"),
            sale_id=sale.id,
            agent_id=share.agent_id,
            level=share.level,
            currency=version.currency,
            amount_minor=share.amount_minor,
            payable_on=payable_on,
            state=LineState.HELD,
        )
        for n, share in enumerate(found)
    ]


async def _hold(key: UUID, lines: Sequence[LineView], books: Books) -> None:
    """Hold each line's amount."""
    await open_accounts(books, {(line.agent_id, line.currency) for line in lines})
    holds: list[Transfer] = [
        Hold(
            id=line.id,
            debit_id=accounts.cost_account(books.platform_id, line.currency),
            credit_id=accounts.commission_account(line.agent_id, line.currency),
            amount=Money(line.amount_minor, line.currency),
            event="commission.accrued",
        )
        for line in lines
    ]
    await record(key, holds, books)


async def earn_due(key: UUID, today: date, books: Books, *, limit: int = 500) -> int:
    """Post what is left of commissions whose sales can no longer be refunded; give how many.

    One of which nothing is left is cancelled.

    :param key: made by the caller for this attempt.
    """
    due = await CommissionLine.raw(_DUE, today, limit)
    if not due:
        return 0
    nets = {
        row["id"]: clawbacks.net_minor(row["amount_minor"], row["sold"], row["refunded"])
        for row in due
    }
    settled: list[Transfer] = [
        Post(
            id=uuid5(line_id, "earned"),
            pending_id=line_id,
            event="commission.earned",
            amount_minor=net,
        )
        if net
        else Void(id=uuid5(line_id, "cancelled"), pending_id=line_id, event="commission.cancelled")
        for line_id, net in nets.items()
    ]
    await record(key, settled, books)
    for state, is_meant in ((LineState.EARNED, True), (LineState.CANCELLED, False)):
        await CommissionLine.raw(
            _SETTLE, state, [i for i, net in nets.items() if bool(net) is is_meant]
        )
    earned = [
        _item(uuid5(row["id"], "earned"), row, "earned", nets[row["id"]])
        for row in due
        if nets[row["id"]]
    ]
    await CommissionItem.raw(_ADD_ITEMS, books.now, as_json(earned))
    return len(due)


async def refund(asked: Refund, books: Books) -> list[LineView]:
    """Take a part of a sale back, and its part of each commission that is earned already.

    What is still held is earned for what is left, when its time comes.

    :raises SaleNotFound: there is no such sale.
    :raises RefundTooLarge: more would be refunded than was sold.
    :raises CommissionKeyReused: the id belongs to another refund.
    """
    await take_turn(asked.id)
    rows = await CommissionSale.raw(_SALE, asked.sale_id)
    if not rows:
        raise SaleNotFound("There is no such sale.")
    if held := await CommissionRefund.raw(_REFUNDED, asked.id):
        said = (asked.sale_id, asked.refunded, asked.reason)
        if tuple(held[0][name] for name in ("sale_id", "refunded", "reason")) != said:
            raise CommissionKeyReused("This id belongs to another refund; make a new one.")
        return await queries.lines_of(asked.sale_id)
    sold, before = rows[0]["sold"], rows[0]["refunded"]
    clawbacks.ensure_refundable(sold, before + asked.refunded)
    lines = await queries.lines_of(asked.sale_id)
    taken = {
        line: clawbacks.clawback_minor(line.amount_minor, sold, before, asked.refunded)
        for line in lines
    }
    earned = {line: -minor for line, minor in taken.items() if minor and line.state == "earned"}
    await CommissionRefund.raw(
        *(_REFUND, asked.id, asked.sale_id, asked.refunded, books.now, asked.reason)
    )
    await CommissionSale.raw(_TAKE_BACK, asked.refunded, asked.sale_id)
    await _adjust(asked.id, earned, "clawed_back", books)
    return lines


async def correct(asked: Correction, books: Books) -> tuple[LineView, bool]:
    """Post what a dispute about a line came to; the line stays as it is.

    :returns: the line, and whether the correction is new.

    :raises SaleNotFound: there is no such line.
    :raises CommissionKeyReused: the id belongs to another correction.
    :raises AmountOutOfRange: it corrects nothing.
    """
    line = await queries.line(asked.line_id)
    if line is None:
        raise SaleNotFound("There is no such line.")
    ledger.ensure_amount(abs(asked.amount_minor))
    gained = {line: asked.amount_minor}
    return line, await _adjust(asked.id, gained, "corrected", books, reason=asked.reason)


def correcting_transfer(asked: Correction) -> UUID:
    """Give the id of the transfer that a correction is booked by."""
    return uuid5(asked.id, str(asked.line_id))


async def _adjust(
    key: UUID,
    gained: Mapping[LineView, int],
    kind: str,
    books: Books,
    *,
    reason: str | None = None,
) -> bool:
    """Move what agents gain or lose between their accounts and the platform's cost.

    :returns: whether it moved now, and not when the same was asked before.
    :raises CommissionKeyReused: the key was used for something else, or for other lines.
    """
    if not gained:
        return False
    moved: list[Transfer] = []
    for line, minor in gained.items():
        cost = accounts.cost_account(books.platform_id, line.currency)
        own = accounts.commission_account(line.agent_id, line.currency)
        moved.append(
            Single(
                id=uuid5(key, str(line.id)),
                debit_id=cost if minor > 0 else own,
                credit_id=own if minor > 0 else cost,
                amount=Money(abs(minor), line.currency),
                event=f"commission.{kind}",
            )
        )
    if not await record(key, moved, books, reason=reason):
        # Transfers of one agent look alike: whose lines they were say their ids.
        if not all([await queries.is_taken(CommissionItem, each.id) for each in moved]):
            raise CommissionKeyReused("This id was used for another line; make a new one.")
        return False
    items = [
        _item(uuid5(key, str(line.id)), msgspec.structs.asdict(line), kind, minor)
        for line, minor in gained.items()
    ]
    await CommissionItem.raw(_ADD_ITEMS, books.now, as_json(items))
    return True


def _item(item_id: UUID, line: Mapping[str, object], kind: str, minor: int) -> dict[str, object]:
    """Write an item of a line."""
    named = {name: line[name] for name in ("agent_id", "currency")}
    return {"id": item_id, "line_id": line["id"], "kind": kind, "amount_minor": minor, **named}
