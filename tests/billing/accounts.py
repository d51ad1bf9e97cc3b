"""Short ways to accounts and what moves between them, at any time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from billing.ledger import queries, service
from billing.ledger.schemas import (
    AccountKind,
    BalanceAt,
    Bound,
    Dims,
    EntryView,
    Journal,
    NewAccount,
    Outcome,
    Single,
    Transfer,
)
from billing.money import Money
from server.kit import db
from tests.billing.books import OPERATOR
from tests.factories import NOW, new_id


async def open_account(
    kind: AccountKind = AccountKind.FUNDING,
    *,
    currency: str = "CNY",
    bound: Bound = Bound.NONE,
    owner_id: UUID = OPERATOR.tenant_id,
    dims: Dims | None = None,
) -> UUID:
    """Open an account of the platform's."""
    account = NewAccount(
        id=new_id(),
        owner_id=owner_id,
        subject_id=new_id(),
        kind=kind,
        currency=currency,
        bound=bound,
        dims=dims or {},
    )
    async with db.platform_transaction(OPERATOR):
        await service.open_accounts([account], now=NOW)
    return account.id


def single(debit_id: UUID, credit_id: UUID, minor: int, *, dims: Dims | None = None) -> Single:
    """Write down a movement."""
    return Single(
        id=new_id(),
        debit_id=debit_id,
        credit_id=credit_id,
        amount=Money(minor, "CNY"),
        event="test.moved",
        dims=dims or {},
    )


async def record(
    transfers: Sequence[Transfer],
    *,
    effective_at: datetime = NOW,
    now: datetime = NOW,
    is_adjustment: bool = False,
) -> Outcome:
    """Record a journal."""
    journal = Journal(
        owner_id=OPERATOR.tenant_id,
        key=new_id(),
        group_id=new_id(),
        transfers=list(transfers),
        actor_id=OPERATOR.user_id,
        effective_at=effective_at,
        is_adjustment=is_adjustment,
    )
    async with db.platform_transaction(OPERATOR):
        return await service.record(journal, now=now)


async def lines(account_id: UUID) -> list[EntryView]:
    """Give an account's statement."""
    async with db.platform_transaction(OPERATOR):
        return await queries.statement(account_id, limit=10_000)


async def balance_at(
    account_id: UUID, effective_at: datetime, recorded_at: datetime = NOW + timedelta(days=999)
) -> BalanceAt:
    """Look back."""
    async with db.platform_transaction(OPERATOR):
        return await queries.balance_at(
            account_id, effective_at=effective_at, recorded_at=recorded_at
        )
