"""What is paid out: which items make a payment, who may let it go, what the bank is told."""

import csv
import hashlib
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from billing.errors import BillingRefusal, MakerIsChecker, Sort
from billing.money import MINOR_MAX, Currency, decimals

_FORMULA: Final = re.compile(r"^[\s]*[=+\-@|%＝＋－＠'\t\r\n]")
BANK_HEADER: Final = ("序号", "收款人", "收款账号", "开户行", "金额", "币种", "附言")


class BatchChanged(BillingRefusal):
    """A batch is not the one that was looked at."""

    code = "payout_batch_changed"
    sort = Sort.CLASH
    field = "hash"


class WithholdingChanged(BillingRefusal):
    """What is to be withheld is not what it was when a batch was put together."""

    code = "payout_withholding_changed"
    sort = Sort.CLASH


class ReasonMissing(BillingRefusal):
    """A payment is said to have failed or come back, and nobody has said why."""

    code = "payout_reason_missing"
    field = "reason"


class PayeeMissing(BillingRefusal):
    """An agent has no bank account to be paid to; the agents are named."""

    code = "payee_missing"
    field = "payees"

    def __init__(self, agent_ids: Sequence[UUID]) -> None:
        super().__init__("Some agents have no bank account; ask them for it first.")
        self.agent_ids = tuple(agent_ids)


class AccountShared(BillingRefusal):
    """Agents are to be paid to one bank account; they are named."""

    code = "payee_account_shared"
    field = "payees"

    def __init__(self, agent_ids: Sequence[UUID], names: Sequence[str]) -> None:
        super().__init__(
            f"These agents have one bank account: {', '.join(names)}; give each its own.",
            about="、".join(names),
        )
        self.agent_ids = tuple(agent_ids)


class AccountTaken(BillingRefusal):
    """An agent is to be paid to the bank account that another one was paid to before."""

    code = "payee_account_taken"
    field = "payees"

    def __init__(self, agent_id: UUID, called: str, before: str) -> None:
        super().__init__(
            f"{before} was paid to the bank account that is given for {called}; "
            f"ask {called} for its own.",
            about=f"{called}、{before}",
        )
        self.agent_id = agent_id


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an agent's commission account: earned, taken back, or corrected."""

    id: UUID
    agent_id: UUID
    currency: Currency
    amount_minor: int
    """Below nothing where it was taken back."""


class Payment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one agent is paid in one batch: the sum of its items, which are in no other live one.

    Hashed as JSON: what was hashed before anything was withheld stays the same.
    """

    agent_id: UUID
    currency: Currency
    amount_minor: int
    item_ids: tuple[UUID, ...]
    withheld_minor: int = 0
    """What of the amount goes to the tax office."""

    @property
    def net_minor(self) -> int:
        """Give what the bank pays."""
        return self.amount_minor - self.withheld_minor


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    """Where an agent's money goes. Cash is not among the choices: the tax law does not allow it."""

    name: str
    account: str
    bank: str


class PaymentState(StrEnum):
    """How far a payment has come."""

    DRAFTED = "drafted"
    """Put together; nobody has approved it."""
    DISCARDED = "discarded"
    """The batch was given up; its items are free again."""
    ORDERED = "ordered"
    PAID = "paid"
    FAILED = "failed"
    """The bank did not take it; its items are free again."""
    RETURNED = "returned"
    """It was paid and came back; its items are free again."""

    @property
    def is_live(self) -> bool:
        """Say whether its items are spoken for."""
        return self in (PaymentState.DRAFTED, PaymentState.ORDERED, PaymentState.PAID)


def payments(items: Iterable[Item], taken: frozenset[UUID], *, minimum_minor: int) -> list[Payment]:
    """Gather what agents are to be paid, one payment an agent and currency.

    An agent that owes more than it has earned, or is owed less than the minimum, is paid nothing;
    its items stay and are carried into the next batch. So do those that would make a payment larger
    than one movement may be.

    :param taken: items of live batches.
    """
    assert minimum_minor >= 1, "nothing is not paid"
    gathered: defaultdict[tuple[UUID, str], list[Item]] = defaultdict(list)
    for item in items:
        if item.id not in taken:
            gathered[item.agent_id, item.currency].append(item)
    made = []
    for (agent_id, currency), some in sorted(gathered.items()):
        paid = _within_one(some)
        amount = sum(item.amount_minor for item in paid)
        if amount >= minimum_minor:
            ids = tuple(sorted(item.id for item in paid))
            made.append(
                Payment(agent_id=agent_id, currency=currency, amount_minor=amount, item_ids=ids)
            )
    return made


def _within_one(items: Sequence[Item]) -> list[Item]:
    """Take what was taken back first, then what one movement can hold of what was earned."""
    total, taken = 0, []
    for item in sorted(items, key=lambda each: (each.amount_minor > 0, each.id)):
        if total + item.amount_minor <= MINOR_MAX:
            total += item.amount_minor
            taken.append(item)
    return taken


def batch_hash(made: Sequence[Payment]) -> bytes:
    """Digest a batch: who approves it approves these payments of these items and no others."""
    content = msgspec.json.encode(sorted(made, key=lambda each: (each.agent_id, each.currency)))
    return hashlib.sha256(content).digest()


def ensure_may_approve(
    made: Sequence[Payment], seen: bytes, *, maker_id: UUID, checker_id: UUID
) -> None:
    """Refuse an approval by who made the batch, or of another batch than was looked at.

    :raises MakerIsChecker: nobody lets money go alone.
    :raises BatchChanged: its payments are not those that were looked at.
    """
    if maker_id == checker_id:
        raise MakerIsChecker("Somebody else must approve what you have put together.")
    if batch_hash(made) != seen:
        raise BatchChanged("This batch has changed since it was looked at; look again.")


def ensure_may_write(*, maker_id: UUID, writer_id: UUID) -> None:
    """Refuse the bank's file to who made the batch: nobody chooses alone who is paid, and where.

    :raises MakerIsChecker: so it is.
    """
    if maker_id == writer_id:
        raise MakerIsChecker("Somebody else must write the bank's file of what you put together.")


def ensure_own_accounts(payees: Mapping[UUID, Payee], names: Mapping[UUID, str]) -> None:
    """Refuse to have two agents paid to one bank account.

    :param names: what agents are called; of others the payee's name stands.
    :raises AccountShared: so it is.
    """
    held: defaultdict[str, list[UUID]] = defaultdict(list)
    for agent_id, payee in payees.items():
        held[payee.account].append(agent_id)
    for together in held.values():
        if len(together) > 1:
            called = [names.get(each, payees[each].name) for each in together]
            raise AccountShared(together, called)


def ensure_reason(state: PaymentState, reason: str | None) -> None:
    """Refuse that a payment failed or came back without saying why: its agent asks first of all.

    :raises ReasonMissing: so it is.
    """
    if not state.is_live and not (reason or "").strip():
        raise ReasonMissing("Say why the bank did not pay; the agent is told.")


def bank_file(made: Sequence[Payment], payees: Mapping[UUID, Payee], *, reference: str) -> bytes:
    """Write what the bank is told, as CSV in GB 18030 with Windows line ends.

    Tax that is withheld is taken off. Account numbers stay text, and no cell begins a formula.

    :raises PayeeMissing: agents without a bank account; nothing is written.
    """
    missing = sorted({each.agent_id for each in made} - payees.keys())
    if missing:
        raise PayeeMissing(missing)
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\r\n")
    rows.writerow(BANK_HEADER)
    for number, each in enumerate(made, 1):
        payee = payees[each.agent_id]
        scale = decimals(each.currency)
        whole, part = divmod(each.net_minor, 10**scale)
        amount = f"{whole}.{part:0{scale}}" if scale else str(whole)
        said = (payee.name, f"\t{payee.account}", payee.bank, amount, each.currency, reference)
        rows.writerow([number, *map(_harmless, said)])
    return written.getvalue().encode("gb18030")


def _harmless(text: str) -> str:
    """Keep a text from being taken for a formula; a tab before digits keeps them text."""
    plain = unicodedata.normalize("NFKC", text).replace("\n", " ").replace("\r", " ")
    is_number = plain.startswith("\t") and plain[1:].isdecimal()
    return plain if is_number or not _FORMULA.match(plain) else f"'{plain.strip()}"
