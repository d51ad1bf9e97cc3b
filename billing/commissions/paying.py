"""Pay commission out: batches of payments, put together by one person and let go by another.

Each function joins the platform's transaction. An item is in one live payment at most; what was
not paid, or never let go, is free for a later batch.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid5

import msgspec

from billing.commissions import queries, taxes
from billing.commissions.books import PAYOUTS, Books, as_json, in_turn, open_accounts, record
from billing.commissions.rules import accounts, payouts
from billing.commissions.rules.payouts import Payment, PaymentState, WithholdingChanged
from billing.commissions.schemas import (
    BatchDecided,
    BatchView,
    CommissionKeyReused,
    PaymentNotInThatState,
    PaymentView,
)
from billing.commissions.tables import PayoutBatch, PayoutPayment
from billing.ledger.schemas import Dimension, Single, Transfer
from billing.money import Money

_DRAFT: Final = """
INSERT INTO payout_batch (id, number, hash, minimum_minor, made_by, made_at)
SELECT {}, coalesce(max(number), 0) + 1, {}, {}, {}, {} FROM payout_batch
"""
_DRAFTED: Final = "SELECT minimum_minor FROM payout_batch WHERE id = {}"
_PAY: Final = """
WITH asked AS (
    SELECT * FROM jsonb_to_recordset({}::jsonb) AS payment (
        id uuid, agent_id uuid, currency text, amount_minor bigint, withheld_minor bigint,
        item_ids uuid[]
    )
), made AS (
    INSERT INTO payout_payment (
        id, batch_id, agent_id, currency, amount_minor, withheld_minor, state
    )
    SELECT id, {}, agent_id, currency, amount_minor, coalesce(withheld_minor, 0), 'drafted'
    FROM asked
)
SELECT id, unnest(item_ids) AS item_id FROM asked
"""
_CLAIM: Final = """
INSERT INTO payout_item (payment_id, item_id, is_live)
SELECT payment_id, item_id, true FROM unnest({}::uuid[], {}::uuid[]) AS claim (payment_id, item_id)
"""
_APPROVE: Final = """
UPDATE payout_batch SET approved_by = {}, approved_at = {},
    declared_n = (SELECT coalesce(max(n), 0) FROM natural_person)
WHERE id = {}
"""
_ORDER: Final = "UPDATE payout_payment SET state = 'ordered' WHERE batch_id = {}"
_DISCARD: Final = "UPDATE payout_batch SET discarded_at = {} WHERE id = {}"
_DISCARD_PAYMENTS: Final = "UPDATE payout_payment SET state = 'discarded' WHERE batch_id = {}"
_FREE_ALL: Final = """
UPDATE payout_item SET is_live = false
WHERE payment_id IN (SELECT id FROM payout_payment WHERE batch_id = {})
"""
_MOVE: Final = """
UPDATE payout_payment SET state = {}, settled_by = {}, settled_at = {},
    paid_at = coalesce(paid_at, {}), reason = {}
WHERE id = {}
"""
_FREE: Final = "UPDATE payout_item SET is_live = false WHERE payment_id = {}"


async def make_batch(batch_id: UUID, books: Books, *, minimum_minor: int) -> BatchView:
    """Put together what agents are to be paid, and what is withheld of it.

    The same id is answered with the same batch.

    :raises CommissionKeyReused: the id belongs to a batch with another minimum.
    """
    await in_turn(PAYOUTS)
    if held := await PayoutBatch.raw(_DRAFTED, batch_id):
        if held[0]["minimum_minor"] not in {None, minimum_minor}:
            raise CommissionKeyReused("This id belongs to another batch; make a new one.")
    else:
        free = await queries.free_items()
        due = payouts.payments(free, frozenset(), minimum_minor=minimum_minor)
        made = await taxes.withheld(due, books.now)
        await PayoutBatch.raw(
            *(_DRAFT, batch_id, payouts.batch_hash(made), minimum_minor),
            *(books.actor_id, books.now),
        )
        rows = [
            {**msgspec.to_builtins(each), "id": uuid5(batch_id, f"{each.agent_id}:{each.currency}")}
            for each in made
        ]
        claims = await PayoutPayment.raw(_PAY, as_json(rows), batch_id)
        ids, items = [c["id"] for c in claims], [c["item_id"] for c in claims]
        await PayoutPayment.raw(_CLAIM, ids, items)
    return await queries.batch(batch_id)


async def approve(batch_id: UUID, seen: bytes, books: Books) -> BatchView:
    """Let a batch go: what agents are owed is now what the bank is to pay.

    :raises BatchNotFound: there is no such batch.
    :raises MakerIsChecker: who approves has made it.
    :raises BatchChanged: it is not the one that was looked at.
    :raises BatchDecided: it was discarded.
    :raises WithholdingChanged: other tax is to be withheld than when it was put together.
    """
    # What is withheld depends on what was let go before it in the month.
    await in_turn(PAYOUTS)
    view = await queries.batch(batch_id, lock=True)
    if view.discarded_at is not None:
        raise BatchDecided("This batch was discarded; put a new one together.")
    made = [each.payment() for each in view.payments]
    payouts.ensure_may_approve(made, seen, maker_id=view.made_by, checker_id=books.actor_id)
    if view.approved_by is not None:
        return view
    await _ensure_withheld(made, books)
    await PayoutBatch.raw(_APPROVE, books.actor_id, books.now, batch_id)
    await PayoutPayment.raw(_ORDER, batch_id)
    if view.payments:
        await open_accounts(books, {(each.agent_id, each.currency) for each in view.payments})
        ordered = [
            moved for each in view.payments for moved in _paying(each, PaymentState.ORDERED, books)
        ]
        await record(uuid5(batch_id, "ordered"), ordered, books)
    return await queries.batch(batch_id)


async def _ensure_withheld(made: Sequence[Payment], books: Books) -> None:
    """Refuse to let a batch go of which by now other tax is to be withheld.

    :raises WithholdingChanged: so it is.
    """
    if await taxes.withheld(made, books.now) != made:
        raise WithholdingChanged(
            "Other tax is to be withheld by now; discard this batch and put a new one together."
        )


async def discard(batch_id: UUID, books: Books) -> BatchView:
    """Give a batch up that nobody has let go; its items are free for a later one.

    Anybody who may keep commissions does, for who put it together may have left: it pays nobody.

    :raises BatchNotFound: there is no such batch.
    :raises BatchDecided: it was let go.
    """
    view = await queries.batch(batch_id, lock=True)
    if view.approved_by is not None:
        raise BatchDecided("This batch was let go; say of each payment what the bank did.")
    if view.discarded_at is None:
        await PayoutBatch.raw(_DISCARD, books.now, batch_id)
        await PayoutPayment.raw(_DISCARD_PAYMENTS, batch_id)
        await PayoutPayment.raw(_FREE_ALL, batch_id)
    return await queries.batch(batch_id)


async def settle(
    payment_id: UUID, state: PaymentState, books: Books, *, reason: str | None = None
) -> PaymentView:
    """Say what the bank did: paid an ordered payment, did not, or gave a paid one back.

    What was not paid stands on the agent's account again, and its items may be paid anew.

    :param reason: why it was not paid, for the agent and on the books.
    :raises BatchNotFound: there is no such payment.
    :raises ReasonMissing: it was not paid, and nobody says why.
    :raises PaymentNotInThatState: it is not as far, or further, or so for another reason.
    """
    payouts.ensure_reason(state, reason)
    view = await queries.payment(payment_id, lock=True)
    if view.state is state and view.reason == reason:
        return view
    if view.state is not _BEFORE.get(state):
        raise PaymentNotInThatState(f"This payment is {view.state}; look at it again.")
    await record(uuid5(payment_id, state), _paying(view, state, books), books, reason=reason)
    paid_at = books.now if state is PaymentState.PAID else None
    await PayoutPayment.raw(
        *(_MOVE, state, books.actor_id, books.now, paid_at, reason, payment_id),
    )
    if not state.is_live:
        await PayoutPayment.raw(_FREE, payment_id)
    return await queries.payment(payment_id)


_BEFORE: Final = {
    PaymentState.PAID: PaymentState.ORDERED,
    PaymentState.FAILED: PaymentState.ORDERED,
    PaymentState.RETURNED: PaymentState.PAID,
}


def _paying(payment: PaymentView, state: PaymentState, books: Books) -> list[Transfer]:
    """Move to where it is in a state what the bank pays, and what is withheld."""
    own = accounts.commission_account(payment.agent_id, payment.currency)
    ordered = accounts.payout_account(books.platform_id, payment.currency)
    bank = accounts.bank_account(books.platform_id, payment.currency)
    debit, credit = {
        PaymentState.ORDERED: (own, ordered),
        PaymentState.PAID: (ordered, bank),
        PaymentState.FAILED: (ordered, own),
        PaymentState.RETURNED: (bank, own),
    }[state]
    # Neither the bank's account nor what is on its way says of itself whose it is.
    paid_to = {Dimension.AGENT: str(payment.agent_id)}
    moved: list[Transfer] = [
        Single(
            id=uuid5(payment.id, state),
            debit_id=debit,
            credit_id=credit,
            amount=Money(payment.net_minor, payment.currency),
            event=f"payout.{state}",
            dims=paid_to,
        )
    ]
    if payment.withheld_minor and own in (debit, credit):
        tax = accounts.tax_account(books.platform_id, payment.currency)
        is_ordered = debit == own
        moved.append(
            Single(
                id=uuid5(payment.id, f"{state}:tax"),
                debit_id=own if is_ordered else tax,
                credit_id=tax if is_ordered else own,
                amount=Money(payment.withheld_minor, payment.currency),
                event="tax.withheld" if is_ordered else "tax.given_back",
                dims=paid_to,
            )
        )
    return moved
