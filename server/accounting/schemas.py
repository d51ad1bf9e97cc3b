"""What accounting is over HTTP, beyond what the books say of it."""

from datetime import date
from typing import Annotated
from uuid import UUID

import msgspec

from billing.accounting_vouchers.schemas import (
    ChartAccount,
    ExportJob,
    NewExport,
    PostingRule,
    RunView,
    Standard,
    Tie,
    Treatment,
    VoucherTemplate,
)
from billing.periods.schemas import PeriodState
from server.kit.text import PRINTABLE

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=PRINTABLE)]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class PeriodRow(msgspec.Struct, frozen=True, kw_only=True):
    """A period of the books, by its days in China."""

    id: UUID
    begins_on: date
    ends_on: date
    """Its last day."""
    state: PeriodState


class PeriodFile(msgspec.Struct, frozen=True, kw_only=True):
    """A period with what was made of it."""

    period: PeriodRow
    runs: list[RunView]
    exports: list[ExportJob]
    untied: list[Tie]
    """Ledger accounts whose trial balance is not what the vouchers say; none when all is done."""


class OpenPeriod(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A period behind the last one: whole days in China."""

    id: UUID
    begins_on: date
    ends_on: date
    """Its last day."""


class NewState(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Close a period, softly or for good, or open it again."""

    state: PeriodState
    reason: Reason


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """The chart, and how the books are posted to it."""

    accounts: list[ChartAccount]
    rules: list[PostingRule]
    templates: list[VoucherTemplate]
    """Those of one's own; other events have what is built in."""


class NewAccounts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts of one's own."""

    accounts: Annotated[list[ChartAccount], msgspec.Meta(min_length=1, max_length=500)]


class Beginning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Begin with a standard's chart."""

    id: UUID
    standard: Standard
    begins_on: date


class NewTreatment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a program's benefits are in the accounts from a day on."""

    id: UUID
    standard: Standard
    program_id: UUID
    treatment: Treatment
    begins_on: date


class ExportOrder(NewExport, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be written of a period for a package."""


class ExportFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file to be saved."""

    name: str
    media_type: str
    content: bytes


class NewRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Vouchers to be put up of all that is in none."""

    id: UUID
    """Made by the asker: asking twice makes one."""


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was looked at when vouchers are checked."""

    hash: Sha256


class Refusing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why vouchers are refused."""

    reason: Reason


class TakingBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A red voucher to be put up of one that was wrong."""

    id: UUID
    """Made by the asker: asking twice makes one."""
    reason: Reason
