"""Put vouchers up: movements that belong together, summed up on lines that balance. Pure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from uuid import UUID, uuid5

import msgspec

from billing.accounting_vouchers.rules import posting, templates
from billing.accounting_vouchers.rules.posting import Postings
from billing.accounting_vouchers.schemas import (
    Detail,
    Draft,
    Line,
    Movement,
    PutUp,
    Side,
    Voucher,
    VoucherTemplate,
)
from billing.errors import BillingRefusal, Sort
from billing.ledger.schemas import AccountKind, Dimension


class NothingToVoucher(BillingRefusal):
    """All that a period moved is in vouchers already."""

    code = "nothing_to_voucher"
    sort = Sort.CLASH


class PeriodStillOpen(BillingRefusal):
    """Vouchers are made of a period that is closed, softly or for good."""

    code = "period_still_open"
    sort = Sort.CLASH


class VoucherNotReversible(BillingRefusal):
    """A voucher has no number yet, is red itself, or was taken back already."""

    code = "voucher_not_reversible"
    sort = Sort.CLASH


_Key = tuple[date, str, str, str, str]
"""Day, word, event, currency, and for what: keys stand in the order of numbering."""
_Place = tuple[str, Side, tuple[tuple[Dimension, str], ...], bool]
"""Account, side, what it is counted for, and whether it is red: what is one line."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What vouchers are put up by."""

    run_id: UUID
    ends_on: date
    """The period's last day, of which are vouchers that sum up more than a day."""
    postings: Postings
    templates: Sequence[VoucherTemplate]
    names: Mapping[str, str]
    """What a summary calls an agent or a program."""


def put_up(movements: Sequence[Movement], plan: Plan) -> PutUp:
    """Put up the vouchers of some movements, each movement in one; in the order of numbering.

    What is on one account and side for the same is one line, but what is red stays apart. Both
    legs on one account for the same are no line: a budget that was handed on is no transaction.

    :raises NothingToVoucher: there are no movements.
    :raises PostingUnmapped: no rule says where a leg goes.
    :raises AuxiliaryMissing: a leg lacks what its account is counted by.
    """
    if not movements:
        raise NothingToVoucher("All that this period moved is in vouchers already.")
    places = _Places(plan.postings)
    groups: dict[_Key, list[Movement]] = {}
    within = []
    for movement in movements:
        if places.are_one(movement):
            within.append(movement.transfer_id)
            continue
        template = _template(plan, movement)
        groups.setdefault(_key(movement, template, plan.ends_on), []).append(movement)
    return PutUp(
        drafts=[_draft(key, groups[key], plan, places) for key in sorted(groups)],
        within=sorted(within),
    )


def _template(plan: Plan, movement: Movement) -> VoucherTemplate:
    """Give the template of a movement."""
    return templates.in_force(plan.templates, movement.event, movement.booked_on)


def _key(movement: Movement, template: VoucherTemplate, ends_on: date) -> _Key:
    """Say with what a movement is in one voucher."""
    on, by = ends_on, ""
    match template.detail:
        case Detail.EACH:
            on, by = movement.booked_on, str(movement.transfer_id)
        case Detail.DAY:
            on = movement.booked_on
        case Detail.PROGRAM | Detail.AGENT as dimension:
            by = _dims(movement).get(Dimension(dimension), "")
        case Detail.PERIOD:
            pass
    return on, template.word, movement.event, movement.currency, by


def _draft(key: _Key, movements: Sequence[Movement], plan: Plan, places: "_Places") -> Draft:
    """Put up one voucher: debits first, then credits, by account."""
    legs = [(each, places.debit(each), places.credit(each)) for each in movements]
    totals: dict[_Place, int] = {}
    for each, debit, credit in legs:
        totals[debit] = totals.get(debit, 0) + each.amount_minor
        totals[credit] = totals.get(credit, 0) + each.amount_minor
    order = sorted(totals, key=lambda place: (place[1] is Side.CREDIT, place[0], place[2:]))
    numbers = {place: n for n, place in enumerate(order, 1)}
    on, word, _, currency, _ = key
    text = _summary(movements, on, plan)
    return Draft(
        id=uuid5(plan.run_id, "\n".join(map(str, key))),
        word=word,
        on=on,
        currency=currency,
        lines=[_line(numbers[place], text, place, totals[place]) for place in order],
        transfers=[
            (each.transfer_id, numbers[debit], numbers[credit]) for each, debit, credit in legs
        ],
    )


def _line(n: int, text: str, place: _Place, minor: int) -> Line:
    """Write a line."""
    code, side, dims, _ = place
    return Line(
        n=n,
        summary=text,
        account_code=code,
        debit_minor=minor if side is Side.DEBIT else 0,
        credit_minor=minor if side is Side.CREDIT else 0,
        dims=dict(dims),
    )


def _summary(movements: Sequence[Movement], on: date, plan: Plan) -> str:
    """Write what a voucher is about; what is not the same of all movements is left out."""
    seen: dict[Dimension, set[str]] = {Dimension.PROGRAM: set(), Dimension.AGENT: set()}
    for text in {text for each in movements for text in (each.debit_dims, each.credit_dims)}:
        for dimension, values in seen.items():
            values.update({value} if (value := _read(text).get(dimension)) else ())
    told = {
        dimension.value: plan.names.get(value, value[:8])
        if len(values) == 1 and (value := next(iter(values)))
        else ""
        for dimension, values in seen.items()
    }
    told |= {"month": f"{on.month}月", "day": f"{on.month}月{on.day}日"}
    return templates.summary(_template(plan, movements[0]), {**told, "count": str(len(movements))})


class _Places:
    """Where legs go; asked once for legs that differ in nothing but their amount."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings
        self._known: dict[tuple[object, ...], _Place] = {}

    def debit(self, of: Movement) -> _Place:
        """Give the place of a movement's debit."""
        return self._place(of, of.debit_kind, of.credit_dims, of.debit_dims, Side.DEBIT)

    def credit(self, of: Movement) -> _Place:
        """Give the place of a movement's credit."""
        return self._place(of, of.credit_kind, of.debit_dims, of.credit_dims, Side.CREDIT)

    def are_one(self, of: Movement) -> bool:
        """Say whether a movement's legs are on one account for the same."""
        debit, credit = self.debit(of), self.credit(of)
        return (debit[0], debit[2]) == (credit[0], credit[2])

    def _place(self, of: Movement, kind: AccountKind, other: str, own: str, side: Side) -> _Place:
        """Find a place. What a leg does not say of itself, the other one of its transfer does."""
        is_red = of.amount_minor < 0
        asked = (kind, of.event, of.booked_on, other, own, side, is_red)
        if (known := self._known.get(asked)) is not None:
            return known
        dims = {**_read(other), **_read(own)}
        account = self._postings.account(kind, of.event, dims, of.booked_on)
        counted = tuple(sorted(posting.auxiliary(account, dims).items()))
        place = self._known[asked] = (account.code, side, counted, is_red)
        return place


def _dims(movement: Movement) -> Mapping[Dimension, str]:
    """Give what a movement is counted for, by either leg."""
    return {**_read(movement.debit_dims), **_read(movement.credit_dims)}


@lru_cache(maxsize=4096)
def _read(text: str) -> Mapping[Dimension, str]:
    """Read dimensions as the database writes them."""
    return {Dimension(name): value for name, value in json.loads(text).items()}


def fingerprint(made: PutUp) -> bytes:
    """Digest what was put up: who checks it says what was looked at."""
    return hashlib.sha256(msgspec.json.encode(made, order="deterministic")).digest()


def red(voucher: Voucher, run_id: UUID, reason: str) -> Draft:
    """Put up the red voucher (冲销) of a voucher: the same lines, taken off again.

    :raises VoucherNotReversible: it has no number, is red itself, or was taken back already.
    """
    if voucher.no is None or voucher.reversal_of is not None or voucher.reversed_by is not None:
        raise VoucherNotReversible(
            "Only a checked voucher that is not red and stands is taken back, and once."
        )
    text = templates.cut(f"冲销{voucher.word}-{voucher.no} {reason}")
    return Draft(
        id=uuid5(run_id, str(voucher.id)),
        word=voucher.word,
        on=voucher.on,
        currency=voucher.currency,
        lines=[
            msgspec.structs.replace(
                line,
                summary=text,
                debit_minor=-line.debit_minor,
                credit_minor=-line.credit_minor,
            )
            for line in voucher.lines
        ],
        transfers=[],
        reversal_of=voucher.id,
    )
