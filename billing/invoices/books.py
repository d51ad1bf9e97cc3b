"""What happens to invoices, in the ledger. Joins the platform's transaction."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from billing.invoices.rules import accounts
from billing.ledger import service as ledger
from billing.ledger.schemas import AccountKind, Code, Dimension, Journal, NewAccount, Single
from billing.money import Money
from billing.plans.schemas import Desk

Row = Mapping[str, Any]
"""An invoice's `agent_id` and `currency`, at least."""

_OF_PLATFORM: Final = {
    AccountKind.PLAN_REVENUE: accounts.revenue_account,
    AccountKind.PLAN_SPONSORED: accounts.sponsored_account,
    AccountKind.BANK: accounts.bank_account,
}
_SIDES: Final = {
    "invoice.finalised": (AccountKind.PLAN_RECEIVABLE, AccountKind.PLAN_REVENUE),
    "invoice.sponsored": (AccountKind.PLAN_SPONSORED, AccountKind.PLAN_REVENUE),
    "invoice.paid": (AccountKind.BANK, AccountKind.PLAN_RECEIVABLE),
    "invoice.credited": (AccountKind.PLAN_REVENUE, AccountKind.PLAN_RECEIVABLE),
    "invoice.sponsorship_credited": (AccountKind.PLAN_REVENUE, AccountKind.PLAN_SPONSORED),
}
"""By event, what is debited and what is credited."""


async def record(moved: Single, row: Row, desk: Desk, *, reason: str | None = None) -> None:
    """Open the accounts of an invoice, and record what was moved; its id is the key, too."""
    await _open([row], desk)
    outcome = await ledger.record(journal(moved.id, [moved], desk, reason=reason), now=desk.now)
    assert outcome.code is Code.RECORDED, f"the books take it: {outcome.code}"


async def record_all(journals: Sequence[Journal], rows: Sequence[Row], desk: Desk) -> None:
    """Open the accounts of many invoices, and record what was moved."""
    await _open(rows, desk)
    await ledger.record_all(journals, now=desk.now)


def journal(
    key: UUID, transfers: Sequence[Single], desk: Desk, *, reason: str | None = None
) -> Journal:
    """Lay out what is recorded together."""
    return Journal(
        owner_id=desk.platform_id,
        key=key,
        group_id=key,
        transfers=list(transfers),
        actor_id=desk.actor_id,
        effective_at=desk.now,
        reason=reason,
    )


def moved(transfer_id: UUID, row: Row, amount_minor: int, desk: Desk, *, event: str) -> Single:
    """Write the transfer of what happened to an invoice."""
    debit, credit = _SIDES[event]
    return Single(
        id=transfer_id,
        debit_id=_account(debit, row, desk),
        credit_id=_account(credit, row, desk),
        amount=Money(amount_minor, row["currency"]),
        event=event,
        # What the platform bears itself is counted for an agent, too.
        dims={Dimension.AGENT: str(row["agent_id"])},
    )


def _account(kind: AccountKind, row: Row, desk: Desk) -> UUID:
    """Name the agent's account, or one of the platform's."""
    if kind is AccountKind.PLAN_RECEIVABLE:
        return accounts.receivable_account(row["agent_id"], row["currency"])
    return _OF_PLATFORM[kind](desk.platform_id, row["currency"])


async def _open(rows: Sequence[Row], desk: Desk) -> None:
    """Open the accounts that invoices move."""
    named = {(row["agent_id"], row["currency"]) for row in rows}
    wanted = {
        accounts.receivable_account(*each): (each[0], AccountKind.PLAN_RECEIVABLE, each[1])
        for each in named
    }
    for currency in {currency for _, currency in named}:
        for kind, name in _OF_PLATFORM.items():
            wanted[name(desk.platform_id, currency)] = (desk.platform_id, kind, currency)
    opened = [
        NewAccount(id=name, owner_id=owner, subject_id=owner, kind=kind, currency=currency)
        for name, (owner, kind, currency) in wanted.items()
    ]
    await ledger.open_accounts(opened, now=desk.now)
