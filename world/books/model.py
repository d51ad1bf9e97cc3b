"""A ledger in plain Python, written from the description and not from the SQL.

It answers with the set of codes that are right: where several reasons refuse a journal, any of
them may be told.
"""

from collections.abc import Callable, Sequence
from uuid import UUID

import msgspec

from billing.ledger.schemas import (
    Bound,
    Code,
    Expire,
    Hold,
    NewAccount,
    Post,
    Reversal,
    Single,
    Transfer,
    Void,
)

_SETTLED = {
    Post: Code.ALREADY_POSTED,
    Void: Code.ALREADY_VOIDED,
    Expire: Code.ALREADY_EXPIRED,
}


class Counters(msgspec.Struct, frozen=True):
    """What stands on an account."""

    debits_pending: int = 0
    debits_posted: int = 0
    credits_pending: int = 0
    credits_posted: int = 0

    def __add__(self, other: "Counters") -> "Counters":
        return Counters(
            *(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__)
        )


class _Done(msgspec.Struct):
    """A transfer in the books, and what became of it."""

    asked: Transfer
    debit_id: UUID
    credit_id: UUID
    currency: str
    amount_minor: int
    settled_by: type[Transfer] | None = None
    is_reversed: bool = False


class Model:
    """The books."""

    def __init__(self) -> None:
        self.accounts: dict[UUID, NewAccount] = {}
        self.counters: dict[UUID, Counters] = {}
        self.history: dict[UUID, list[Counters]] = {}
        """What stood on each account, from its opening on."""
        self.done: dict[UUID, _Done] = {}

    def open(self, account: NewAccount) -> None:
        """Open an account."""
        self.accounts[account.id] = account
        self.counters[account.id] = Counters()
        self.history[account.id] = [Counters()]

    def record(self, transfers: Sequence[Transfer]) -> set[Code]:
        """Say which codes are right; when it is to be recorded, record it."""
        resolved = [self._resolve(transfer) for transfer in transfers]
        refused = {
            code
            for transfer, done in zip(transfers, resolved, strict=True)
            for code in self._refusals(transfer, done)
        }
        targets = [_target(transfer) for transfer in transfers if _target(transfer) is not None]
        if len(set(targets)) < len(targets):
            refused.add(Code.SETTLED_TWICE)
        if refused:
            return refused
        after = self._after([done for done in resolved if done is not None])
        refused = {
            code for one, counters in after.items() for code in self._exceeded(one, counters)
        }
        if refused:
            return refused
        self._keep(transfers, [done for done in resolved if done is not None], after)
        return {Code.RECORDED}

    def _resolve(self, transfer: Transfer) -> _Done | None:
        """Fill in what a transfer takes from the one that it follows."""
        if isinstance(transfer, (Single, Hold)):
            money = transfer.amount
            ends = transfer.debit_id, transfer.credit_id
            return _Done(transfer, *ends, money.currency, money.amount_minor)
        target = self.done.get(_target(transfer) or transfer.id)
        if target is None:
            return None
        part = transfer.amount_minor if isinstance(transfer, Post) else None
        amount = target.amount_minor if part is None else part
        return _Done(transfer, target.debit_id, target.credit_id, target.currency, amount)

    def _refusals(self, transfer: Transfer, done: _Done | None) -> set[Code]:
        """Give the reasons against one transfer, apart from bounds."""
        if done is None:
            return {Code.TRANSFER_NOT_FOUND, Code.ACCOUNT_NOT_FOUND}
        if isinstance(transfer, (Single, Hold)):
            return self._unfit(done)
        target = self.done[_target(transfer) or transfer.id]
        if isinstance(transfer, Reversal):
            return _irreversible(target)
        if not isinstance(target.asked, Hold):
            return {Code.NOT_A_HOLD}
        if target.settled_by is not None:
            return {_SETTLED[target.settled_by]}
        return {Code.EXCEEDS_HOLD} if done.amount_minor > target.amount_minor else set()

    def _unfit(self, done: _Done) -> set[Code]:
        """Give the reasons that its accounts give."""
        held = [self.accounts.get(one) for one in (done.debit_id, done.credit_id)]
        refused = {Code.ACCOUNT_NOT_FOUND} if None in held else set()
        if any(one is not None and one.currency != done.currency for one in held):
            refused.add(Code.WRONG_CURRENCY)
        return refused

    def _after(self, resolved: Sequence[_Done]) -> dict[UUID, Counters]:
        """Give the counters of every account that moves."""
        after: dict[UUID, Counters] = {}
        for done in resolved:
            pending, posted = self._effect(done)
            for one, change in (
                (done.debit_id, Counters(pending, posted, 0, 0)),
                (done.credit_id, Counters(0, 0, pending, posted)),
            ):
                after[one] = after.get(one, self.counters[one]) + change
        return after

    def _effect(self, done: _Done) -> tuple[int, int]:
        """Give what a transfer adds to pending and to posted."""
        amount = done.amount_minor
        effects: dict[type[Transfer], Callable[[], tuple[int, int]]] = {
            Single: lambda: (0, amount),
            Hold: lambda: (amount, 0),
            Post: lambda: (-self._held(done), amount),
            Void: lambda: (-self._held(done), 0),
            Expire: lambda: (-self._held(done), 0),
            Reversal: lambda: (0, -amount),
        }
        return effects[type(done.asked)]()

    def _held(self, done: _Done) -> int:
        """Give the whole amount of the hold that is settled."""
        return self.done[_target(done.asked) or done.asked.id].amount_minor

    def _exceeded(self, account_id: UUID, counters: Counters) -> set[Code]:
        """Give the bounds that an account would break."""
        debits = counters.debits_pending + counters.debits_posted
        receipts = counters.credits_pending + counters.credits_posted
        match self.accounts[account_id].bound:
            case Bound.DEBITS_WITHIN_CREDITS if debits > counters.credits_posted:
                return {Code.EXCEEDS_CREDITS}
            case Bound.CREDITS_WITHIN_DEBITS if receipts > counters.debits_posted:
                return {Code.EXCEEDS_DEBITS}
            case _:
                return set()

    def _keep(
        self, transfers: Sequence[Transfer], resolved: list[_Done], after: dict[UUID, Counters]
    ) -> None:
        """Put a journal into the books."""
        self.counters |= after
        for one, counters in after.items():
            self.history[one].append(counters)
        for transfer, done in zip(transfers, resolved, strict=True):
            self.done[transfer.id] = done
            target = _target(transfer)
            if isinstance(transfer, Reversal):
                self.done[transfer.reversal_of].is_reversed = True
            elif target is not None:
                self.done[target].settled_by = type(transfer)


def _irreversible(target: _Done) -> set[Code]:
    """Give the reasons against undoing a transfer."""
    if not isinstance(target.asked, (Single, Post)):
        return {Code.NOT_REVERSIBLE}
    return {Code.ALREADY_REVERSED} if target.is_reversed else set()


def _target(transfer: Transfer) -> UUID | None:
    """Give the transfer that another one follows."""
    match transfer:
        case Post(pending_id=target) | Void(pending_id=target) | Expire(pending_id=target):
            return target
        case Reversal(reversal_of=target):
            return target
        case _:
            return None
