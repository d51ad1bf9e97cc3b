"""Audit what came of a plan, by the pure model: nothing overspent, doubled or lost."""

import graphlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from billing.ledger import queries
from billing.ledger.schemas import Bound, Code, Hold, Single
from server.kit import db
from world.books.model import Counters, Model
from world.books.plan import Plan
from world.books.trial import OPERATOR, Answer, Played

_LINES: Final = """
SELECT entry.account_id, transfer.group_id FROM ledger_entry entry
JOIN ledger_transfer transfer ON transfer.id = entry.transfer_id
WHERE entry.account_id = ANY ($1::uuid[]) ORDER BY entry.account_id, entry.version
"""
_OUTCOMES: Final = """
SELECT key, code, result_id FROM ledger_outcome
WHERE owner_id = $1 AND key = ANY ($2::uuid[])
"""


class Findings(msgspec.Struct):
    """What is wrong, by kind."""

    overspent: list[str] = msgspec.field(default_factory=list)
    """An account is not what its transfers make it, or a bound was broken or told too early."""
    doubled: list[str] = msgspec.field(default_factory=list)
    """One key had two effects or two answers."""
    lost: list[str] = msgspec.field(default_factory=list)
    """Something was told to be recorded and is not, or not as it was asked."""

    @property
    def all(self) -> list[str]:
        """List them all."""
        return [*self.overspent, *self.doubled, *self.lost]

    def __add__(self, other: "Findings") -> "Findings":
        return Findings(
            overspent=self.overspent + other.overspent,
            doubled=self.doubled + other.doubled,
            lost=self.lost + other.lost,
        )


async def audit(plan: Plan, played: Played) -> Findings:
    """Compare the database with every answer, and with the model on the order that it shows."""
    found = Findings()
    async with db.platform_transaction(OPERATOR):
        account_ids = [account.id for account in plan.accounts]
        lines = await db.connection().fetch(_LINES, account_ids)
        keys = list({attempt.key for attempt in played.attempts.values()})
        outcomes = await db.connection().fetch(_OUTCOMES, OPERATOR.tenant_id, keys)
        held = await queries.balances(account_ids)
    written = {row["group_id"] for row in lines}
    recorded = {row["result_id"] for row in outcomes if row["code"] == Code.RECORDED}
    found.doubled += [f"group {one} has no answer of its own" for one in written - recorded]
    found.lost += [f"group {one} is answered and not there" for one in recorded - written]
    _answers(played.answers, recorded, found)
    model = _replayed(plan, played, _in_order(lines), found)
    for account_id, balance in held.items():
        counters = model.counters[account_id]
        told = Counters(*(getattr(balance, name) for name in Counters.__struct_fields__))
        if counters != told:
            found.overspent.append(f"account {account_id}: {told}, should be {counters}")
    found.overspent += _early(plan, played.answers, model)
    found.overspent += await _looked_back(plan)
    return found


def _answers(answers: Iterable[Answer], recorded: set[UUID], found: Findings) -> None:
    """Let all who sent one key and content be told the same, and the others that it was used."""
    by_key: dict[UUID, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_key[answer.journal.key].append(answer)
    for key, told in by_key.items():
        kept = {(one.outcome.code, one.outcome.group_id) for one in told if not _is_reuse(one)}
        contents = {one.is_altered for one in told if not _is_reuse(one)}
        if len(kept) > 1 or len(contents) > 1:
            found.doubled.append(f"key {key} has the answers {kept}")
        if sum(one.outcome.is_new for one in told) > 1:
            found.doubled.append(f"key {key} was new twice")
        for code, group_id in kept:
            if code is Code.RECORDED and group_id not in recorded:
                found.lost.append(f"key {key} was told to be recorded")


def _is_reuse(answer: Answer) -> bool:
    """Say whether the key was used for another content."""
    return answer.outcome.code is Code.ID_REUSED


def _in_order(lines: Iterable[Iterable[UUID]]) -> list[UUID]:
    """Put the groups into an order that the lines of all accounts agree with."""
    before: dict[UUID, set[UUID]] = defaultdict(set)
    last: dict[UUID, UUID] = {}
    for account_id, group_id in lines:
        before[group_id].update({last[account_id]} - {group_id} if account_id in last else ())
        last[account_id] = group_id
    return list(graphlib.TopologicalSorter(before).static_order())


def _replayed(plan: Plan, played: Played, order: list[UUID], found: Findings) -> Model:
    """Let the model record what was recorded, in the order in which it was."""
    model = Model()
    for account in plan.accounts:
        model.open(account)
    for group_id in order:
        journal = played.attempts.get(group_id)
        if journal is None:
            found.doubled.append(f"group {group_id} was sent by nobody")
            continue
        codes = model.record(journal.transfers)
        if codes != {Code.RECORDED}:
            found.overspent.append(f"group {group_id} was recorded; right would be {codes}")
    return model


def _early(plan: Plan, answers: Iterable[Answer], model: Model) -> list[str]:
    """List movements that were refused though there was enough, at all times."""
    accounts = {account.id: account for account in plan.accounts}
    early = []
    for answer in answers:
        if len(answer.journal.transfers) > 1 or answer.is_altered:
            continue
        [moved] = answer.journal.transfers
        if not isinstance(moved, (Single, Hold)):
            continue
        minor = moved.amount.amount_minor
        match answer.outcome.code:
            case Code.EXCEEDS_CREDITS:
                account, free = accounts[moved.debit_id], [
                    one.credits_posted - one.debits_posted - one.debits_pending
                    for one in model.history[moved.debit_id]
                ]  # fmt: skip
                is_bound = account.bound is Bound.DEBITS_WITHIN_CREDITS
            case Code.EXCEEDS_DEBITS:
                account, free = accounts[moved.credit_id], [
                    one.debits_posted - one.credits_posted - one.credits_pending
                    for one in model.history[moved.credit_id]
                ]  # fmt: skip
                is_bound = account.bound is Bound.CREDITS_WITHIN_DEBITS
            case _:
                continue
        if not is_bound or min(free) >= minor:
            early.append(f"{moved.id} was refused on {account.id}, which always had {minor}")
    return early


async def _looked_back(plan: Plan) -> list[str]:
    """List accounts whose balance at some time is not the sum of their lines until then."""
    wrong = []
    async with db.platform_transaction(OPERATOR):
        for account in plan.accounts:
            lines = await queries.statement(account.id, limit=10_000)
            for at in sorted({line.effective_at for line in lines}):
                found = await queries.balance_at(account.id, effective_at=at, recorded_at=_far(at))
                posted = sum(line.posted_minor for line in lines if line.effective_at <= at)
                if found.posted_minor != posted:
                    wrong.append(f"account {account.id} at {at}: {found}, should be {posted}")
    return wrong


def _far(at: datetime) -> datetime:
    """Give a time at which everything is known."""
    return at + timedelta(days=10_000)
