"""Record transfers. Each function joins the transaction of its caller and says what happened.

The caller commits also when it is refused, so that the refusal stays the answer to its key.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from billing.errors import AccountDiffers, AmountOutOfRange, NotYetHappened
from billing.ledger.schemas import Code, Hold, Journal, NewAccount, Outcome, Post, Single, Transfer
from billing.ledger.tables import LedgerAccount, LedgerOutcome, LedgerTransfer
from billing.money import MINOR_MAX

_OPEN: Final = """
INSERT INTO ledger_account (
    id, owner_id, is_shared, kind, currency, bound, subject_id, dims, opened_at
)
SELECT id, owner_id, is_shared, kind, currency, bound, subject_id, dims, {}
FROM jsonb_to_recordset({}::jsonb) AS asked (
    id uuid, owner_id uuid, is_shared boolean, kind text, currency text, bound text,
    subject_id uuid, dims jsonb
)
ORDER BY id
ON CONFLICT (id) DO NOTHING
"""
_DIFFERING: Final = """
SELECT asked.id
FROM jsonb_to_recordset({}::jsonb) AS asked (
    id uuid, owner_id uuid, is_shared boolean, kind text, currency text, bound text,
    subject_id uuid, dims jsonb
)
LEFT JOIN ledger_account held
ON held.dims @> asked.dims
AND (held.id, held.owner_id, held.is_shared, held.kind, held.currency, held.bound, held.subject_id)
    = (asked.id, asked.owner_id, asked.is_shared, asked.kind, asked.currency, asked.bound,
       asked.subject_id)
WHERE held.id IS NULL
"""
_LOCK: Final = """
SELECT id FROM ledger_account WHERE id = ANY ({}::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
_CLAIM: Final = """
INSERT INTO ledger_outcome (owner_id, key, fingerprint, code, result_id, recorded_at)
SELECT owner_id, key, fingerprint, 'recorded', group_id, {}
FROM unnest({}::uuid[], {}::uuid[], {}::bytea[], {}::uuid[])
    journal (owner_id, key, fingerprint, group_id)
"""
# Dimensions are empty where the line has none; the text holds no braces for Piccolo to take.
_MOVE: Final = """
INSERT INTO ledger_transfer (
    id, owner_id, group_id, position, kind, debit_id, credit_id, currency, amount_minor, event,
    effective_at, recorded_at, actor_id, reason, dims
)
SELECT id, owner_id, group_id, line.place - 1, kind, debit_id, credit_id, currency, amount_minor,
    event, effective_at, {}, actor_id, reason, coalesce(dims, jsonb_build_object())
FROM jsonb_to_recordset({}::jsonb) AS journal (
    owner_id uuid, group_id uuid, actor_id uuid, effective_at timestamptz, reason text,
    transfers jsonb
),
ROWS FROM (jsonb_to_recordset(journal.transfers) AS (
    id uuid, kind text, debit_id uuid, credit_id uuid, currency text, amount_minor bigint,
    event text, dims jsonb
)) WITH ORDINALITY AS line (
    id, kind, debit_id, credit_id, currency, amount_minor, event, dims, place
)
"""
_RECORD: Final = """
SELECT code, result_id, is_new FROM ledger_record({}, {}, {}, {}, {}, {}, {}, {}, {}::jsonb, {})
"""


async def open_accounts(accounts: Sequence[NewAccount], *, now: datetime) -> None:
    """Open accounts; one that is open on the same terms already stays as it is.

    :raises AccountDiffers: an id belongs to an account on other terms.
    """
    asked = msgspec.json.encode(accounts).decode()
    if not await LedgerAccount.raw(_DIFFERING, asked):
        return
    await LedgerAccount.raw(_OPEN, now, asked)
    if await LedgerAccount.raw(_DIFFERING, asked):
        raise AccountDiffers("An account with this id is open on other terms.")


async def record_all(journals: Sequence[Journal], *, now: datetime) -> None:
    """Record journals that move value at once, each under its key: all of them or none.

    Three statements however many they are, and the same rows as from `record`, one by one. What
    `record` answers with a code, the database refuses here: a key that was used, an account that is
    missing or closed. So it is for who has made keys and accounts itself.

    :raises AmountOutOfRange: an amount is not from 1 to `MINOR_MAX`.
    :raises NotYetHappened: an effective time lies ahead of `now`.
    """
    moved = [transfer for journal in journals for transfer in journal.transfers]
    assert all(isinstance(each, Single) for each in moved), "nothing is held or settled"
    assert not any(journal.is_adjustment for journal in journals), "nothing closed is looked at"
    if any(journal.effective_at > now for journal in journals):
        raise NotYetHappened("Value is booked once it has moved; the effective time lies ahead.")
    named = {
        side
        for each in moved
        if isinstance(each, Single)
        for side in (each.debit_id, each.credit_id)
    }
    await LedgerAccount.raw(_LOCK, list(named))
    await LedgerOutcome.raw(
        _CLAIM,
        now,
        [journal.owner_id for journal in journals],
        [journal.key for journal in journals],
        [_fingerprint(journal) for journal in journals],
        [journal.group_id for journal in journals],
    )
    laid_out = [
        {
            **msgspec.structs.asdict(journal),
            "transfers": [_line(transfer) for transfer in journal.transfers],
        }
        for journal in journals
    ]
    await LedgerTransfer.raw(_MOVE, now, msgspec.json.encode(laid_out).decode())


async def record(journal: Journal, *, now: datetime) -> Outcome:
    """Record a journal, all of it or nothing, and remember the answer for its key.

    Locks the accounts in the order of their ids. Wants READ COMMITTED: under a snapshot, a rival's
    movement makes it fail to be repeated.

    :raises AmountOutOfRange: an amount is not from 1 to `MINOR_MAX`.
    :raises NotYetHappened: the effective time lies ahead of `now`.
    """
    assert journal.transfers, "a journal moves something"
    if journal.effective_at > now:
        raise NotYetHappened("Value is booked once it has moved; the effective time lies ahead.")
    lines = [_line(transfer) for transfer in journal.transfers]
    [answer] = await LedgerOutcome.raw(
        _RECORD,
        journal.owner_id,
        journal.key,
        _fingerprint(journal),
        journal.group_id,
        journal.actor_id,
        now,
        journal.effective_at,
        journal.reason,
        msgspec.json.encode(lines).decode(),
        journal.is_adjustment,
    )
    return Outcome(Code(answer["code"]), answer["result_id"], answer["is_new"])


def ensure_amount(amount_minor: int) -> None:
    """Refuse what is not an amount of a movement."""
    if not 1 <= amount_minor <= MINOR_MAX:
        raise AmountOutOfRange(f"An amount is from 1 to {MINOR_MAX} minor units.")


def _line(transfer: Transfer) -> dict[str, Any]:
    """Lay a transfer out as the database reads it."""
    line: dict[str, Any] = msgspec.to_builtins(transfer)
    match transfer:
        case Single(amount=amount) | Hold(amount=amount):
            assert transfer.debit_id != transfer.credit_id, "value moves between two accounts"
            ensure_amount(amount.amount_minor)
            line |= msgspec.to_builtins(line.pop("amount"))
            if not line["dims"]:
                del line["dims"]
        case Post(amount_minor=int() as part):
            ensure_amount(part)
        case _:
            pass
    return line


def _fingerprint(journal: Journal) -> bytes:
    """Digest what was asked, without the ids and times that each attempt makes anew."""
    asked = [
        {name: value for name, value in _line(transfer).items() if name != "id"}
        for transfer in journal.transfers
    ]
    content: list[Any] = [asked, journal.reason]
    if journal.is_adjustment:
        content.append("adjustment")
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).digest()
