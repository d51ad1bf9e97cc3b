"""Audit what came of benefits, by plain counting: nothing used twice, kept twice or forgotten."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.budgets import queries as budgets
from billing.ledger.schemas import Code
from billing.redemptions.schemas import Kind, Settled, Wish
from server.kit import db
from world.books.audit import Findings
from world.books.benefits.plan import AMOUNT, Plan
from world.books.benefits.trial import Answer, Played
from world.books.trial import OPERATOR

_STANDING: Final = """
SELECT id, used_minor, released_minor, state FROM issuance WHERE id = ANY ($1::uuid[])
"""
_DONE: Final = """
SELECT done.id AS key, done.kind, done.issuance_id, done.asked_minor AS amount_minor, done.of_id,
    done.reason, done.amount_minor AS moved_minor
FROM redemption done JOIN issuance benefit ON benefit.id = done.issuance_id
JOIN ledger_entry entry
    ON entry.transfer_id = done.transfer_id AND entry.account_id = benefit.budget_id
WHERE done.issuance_id = ANY ($1::uuid[]) ORDER BY entry.version
"""
_SETTLED: Final = {
    "redeemed": Code.ALREADY_POSTED,
    "voided": Code.ALREADY_VOIDED,
    "expired": Code.ALREADY_EXPIRED,
}
_ENDS: Final = {Kind.REDEEM: "redeemed", Kind.REVOKE: "voided", Kind.EXPIRE: "expired"}


class Benefit(msgspec.Struct):
    """A benefit in plain Python, written from docs/ledger.md and not from the code under trial."""

    is_over: bool
    used: int = 0
    released: int = 0
    state: str = "issued"
    uses: dict[UUID, int] = {}
    """What each use took that was not taken back."""
    taken_back: set[UUID] = set()

    @property
    def left(self) -> int:
        """Give what may still be used."""
        return AMOUNT - self.used - self.released

    def answer(self, wish: Wish) -> Code:
        """Say what is right to answer now."""
        if wish.kind is Kind.ROLL_BACK:
            if wish.of_id in self.taken_back:
                return Code.ALREADY_REVERSED
            return Code.RECORDED if wish.of_id in self.uses else Code.TRANSFER_NOT_FOUND
        if self.state != "issued":
            return _SETTLED[self.state]
        if wish.kind is Kind.EXPIRE:
            return Code.RECORDED if self.is_over else Code.NOT_A_HOLD
        if wish.kind is Kind.REDEEM and self.is_over:
            return Code.ALREADY_EXPIRED
        is_enough = wish.amount_minor is None or wish.amount_minor <= self.left
        return Code.RECORDED if is_enough else Code.EXCEEDS_HOLD

    def do(self, wish: Wish) -> int:
        """Do what is wished; give what that moves."""
        if wish.kind is Kind.ROLL_BACK and wish.of_id is not None:
            moved = self.uses.pop(wish.of_id)
            self.taken_back.add(wish.of_id)
            self.used -= moved
            self.state = "issued"
            return moved
        moved = self.left if wish.amount_minor is None else wish.amount_minor
        if wish.kind is Kind.REDEEM:
            self.used += moved
            self.uses[wish.key] = moved
        else:
            self.released += moved
        if not self.left:
            self.state = "redeemed" if self.used else _ENDS[wish.kind]
        return moved


async def audit(plan: Plan, played: Played) -> Findings:
    """Compare the database with every answer, and with plain counting in the order it shows."""
    found = Findings()
    lapsing = {row.id for row in plan.lapsing}
    benefits = {row.id: Benefit(row.id in lapsing) for row in (*plan.staying, *plan.lapsing)}
    async with db.platform_transaction(OPERATOR):
        done = await db.connection().fetch(_DONE, list(benefits))
        standing = await db.connection().fetch(_STANDING, list(benefits))
        program = (await budgets.program_books([plan.program_id]))[plan.program_id]
    answers = _by_key(played.answers)
    ever = _replayed(benefits, done, answers, found)
    _told(answers, {row["key"] for row in done}, ever, found)
    for row in standing:
        counted = benefits[row["id"]]
        told = (row["used_minor"], row["released_minor"], row["state"])
        if told != (counted.used, counted.released, counted.state):
            found.overspent.append(f"benefit {row['id']} is {told}, should be {counted}")
    used = sum(each.used for each in benefits.values())
    held = sum(each.left for each in benefits.values())
    if (program.used_minor, program.held_minor) != (used, held):
        found.overspent.append(f"program {plan.program_id} is {program}, not {used} and {held}")
    if program.funded_minor != AMOUNT * len(benefits):
        found.overspent.append(f"program {plan.program_id} has {program.funded_minor}")
    return found


def _by_key(answers: Iterable[Answer]) -> dict[UUID, list[Answer]]:
    """Gather the answers to each key."""
    gathered: dict[UUID, list[Answer]] = defaultdict(list)
    for answer in answers:
        gathered[answer.wish.key].append(answer)
    return gathered


def _replayed(
    benefits: Mapping[UUID, Benefit],
    done: Sequence[Any],
    answers: Mapping[UUID, Sequence[Answer]],
    found: Findings,
) -> Mapping[UUID, list[Benefit]]:
    """Do what was done, in its order; give all that each benefit ever was."""
    ever = {benefit_id: [_copy(benefit)] for benefit_id, benefit in benefits.items()}
    for row in done:
        said = {name: value for name, value in row.items() if name != "moved_minor"}
        wish, benefit = msgspec.convert(said, Wish), benefits[row["issuance_id"]]
        if wish not in [answer.wish for answer in answers.get(wish.key, ())]:
            found.doubled.append(f"{wish} was wished by nobody")
        right = benefit.answer(wish)
        if right is not Code.RECORDED:
            found.overspent.append(f"{wish} was done; right would be {right}")
        elif benefit.do(wish) != row["moved_minor"]:
            found.overspent.append(f"{wish} moved {row['moved_minor']}")
        ever[row["issuance_id"]].append(_copy(benefit))
    return ever


def _copy(benefit: Benefit) -> Benefit:
    """Keep what a benefit is now."""
    return msgspec.structs.replace(
        benefit, uses=dict(benefit.uses), taken_back=set(benefit.taken_back)
    )


def _told(
    answers: Mapping[UUID, Sequence[Answer]],
    done: set[UUID],
    ever: Mapping[UUID, Sequence[Benefit]],
    found: Findings,
) -> None:
    """Let who sent one wish be told the same, what was done, and no refusal without a reason."""
    for key, told in answers.items():
        fair = [each for each in told if each.settled.code is not Code.ID_REUSED]
        # That there is nothing to take back yet is said, and not kept.
        kept = [each for each in fair if each.settled.code is not Code.TRANSFER_NOT_FOUND]
        if len({(each.wish, _effect(each.settled)) for each in kept}) > 1:
            found.doubled.append(f"key {key} has the answers {kept}")
        if sum(each.settled.is_new for each in kept) > 1:
            found.doubled.append(f"key {key} was new twice")
        for each in fair:
            code = each.settled.code
            if code is Code.RECORDED and key not in done:
                found.lost.append(f"key {key} was told to be done")
            if code not in {was.answer(each.wish) for was in ever[each.wish.issuance_id]}:
                found.overspent.append(f"{each.wish} was answered {code}, which it never was")


def _effect(settled: Settled) -> tuple[Code, UUID | None, int]:
    """Give what an answer says that was done."""
    return settled.code, settled.transfer_id, settled.amount_minor
