"""What all use cases of commissions do with the ledger: take turns, open accounts, record."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from billing.commissions.rules import accounts
from billing.commissions.schemas import CommissionKeyReused
from billing.commissions.tables import CommissionSale
from billing.ledger import service as ledger
from billing.ledger.schemas import AccountKind, Code, Journal, NewAccount, Transfer

PAYOUTS: Final = "payouts"
"""What is done in turn: batches are put together, and let go."""
PUBLISHING: Final = "plans"
"""Likewise: versions of plans are published, and rows that are read by them recorded."""
_IN_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended({}, 0))"
_IN_TURNS: Final = """
SELECT pg_advisory_xact_lock(hashtextextended(what, 0)) FROM unnest({}::text[]) AS what
"""


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """Whose books, who does it, and when."""

    platform_id: UUID
    actor_id: UUID
    now: datetime


async def take_turn(key: UUID) -> None:
    """Wait for whoever does something under the same key; until the end of the transaction."""
    await in_turn(named(key))


async def in_turn(what: str) -> None:
    """Wait for whoever does the same thing; until the end of the transaction."""
    await CommissionSale.raw(_IN_TURN, what)


def named(key: UUID) -> str:
    """Name what is done in turn under a key."""
    return f"commissions:{key}"


def selling(agent_id: UUID) -> str:
    """Name what is done in turn by who sells: each sale is paid by those before it."""
    return f"sales:{agent_id}"


async def in_turns(whats: Iterable[str]) -> None:
    """Wait for whoever does one of these things, in one order; until the end of the transaction."""
    await CommissionSale.raw(_IN_TURNS, sorted(set(whats)))


async def open_accounts(
    books: Books, owned: set[tuple[UUID, str]], currencies: frozenset[str] = frozenset()
) -> None:
    """Open the accounts of agents and the platform's beside them.

    :param currencies: of the platform's alone.
    """
    wanted = [
        NewAccount(
            id=accounts.commission_account(agent_id, currency),
            owner_id=agent_id,
            subject_id=agent_id,
            kind=AccountKind.COMMISSION,
            currency=currency,
        )
        for agent_id, currency in owned
    ]
    for currency in {currency for _, currency in owned} | currencies:
        for kind, name in (
            (AccountKind.COMMISSION_COST, accounts.cost_account),
            (AccountKind.PAYOUT, accounts.payout_account),
            (AccountKind.BANK, accounts.bank_account),
            (AccountKind.WITHHELD_TAX, accounts.tax_account),
        ):
            wanted.append(
                NewAccount(
                    id=name(books.platform_id, currency),
                    owner_id=books.platform_id,
                    subject_id=books.platform_id,
                    kind=kind,
                    currency=currency,
                )
            )
    await ledger.open_accounts(wanted, now=books.now)


async def record(
    key: UUID, transfers: Sequence[Transfer], books: Books, *, reason: str | None = None
) -> bool:
    """Record transfers under a key.

    :returns: whether they are new.
    :raises CommissionKeyReused: the key was used for something else.
    """
    outcome = await ledger.record(
        Journal(
            owner_id=books.platform_id,
            key=key,
            group_id=key,
            transfers=list(transfers),
            actor_id=books.actor_id,
            effective_at=books.now,
            reason=reason,
        ),
        now=books.now,
    )
    if outcome.code is Code.ID_REUSED:
        raise CommissionKeyReused("This id was used for something else; make a new one.")
    assert outcome.code is Code.RECORDED, f"the books take it: {outcome.code}"
    return outcome.is_new


def as_json(value: object) -> str:
    """Lay values out as the database reads them."""
    return msgspec.json.encode(value).decode()
