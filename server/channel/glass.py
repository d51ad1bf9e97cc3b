"""What the platform's looks show it of an agent, read off what they answer with. Pure.

A look that is missing here fails a test, which asks every route of the platform's what it answers.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from billing.accounting_vouchers.schemas import Line, Source, Voucher, VoucherRow
from billing.commissions.rules.statements import Statement, StatementLine
from billing.commissions.schemas import (
    AccruedRow,
    AgentYear,
    BankFileView,
    ContractMeter,
    LineMove,
    LineView,
    MeterTotal,
    NaturalPersonRow,
    OfferView,
    OrderedBefore,
    OwnRefund,
    OwnSale,
    PaidTo,
    PaymentView,
    PersonDeclared,
    PlanTrial,
    RefundRow,
    SaleRow,
    TriedAgent,
    YearLine,
    YearPayment,
    YearTotal,
)
from billing.invoices.rules.drafts import Line as InvoiceLine
from billing.invoices.schemas import CreditView, InvoiceRow, InvoiceView
from billing.plans.rules.grants import Grant
from billing.plans.rules.subscriptions import Change
from billing.plans.schemas import HolderRow
from billing.reconciliation.rules.columns import ColumnMap, RowProblem
from billing.reconciliation.schemas import SideTotal
from billing.statements.schemas import StatementLineView
from server.benefits.batches.schemas import BatchView
from server.benefits.reviews.schemas import ReviewRecord, SignalView
from server.benefits.schemas import AllocationView, IssuanceRecord, IssuanceTotal
from server.benefits.vouchers.schemas import VoucherAlarm
from server.channel.schemas import AgentRow, Breakdown, Released
from server.commissions.schemas import CommissionMeter, PayoutView
from server.commissions.sheets.schemas import SheetProblem, SheetRow
from server.exits.rules import Planned
from server.exits.schemas import Plan
from server.partners.rules.sharing import Shared
from server.partners.schemas import Partnership
from server.plans.schemas import AgentPlan, CarriedOn, TriedHolder, Use, VersionTrial
from server.reconciliation.schemas import NewSource as ReconSource
from server.reconciliation.schemas import (
    ReconExceptionDetail,
    ReconExceptionView,
    ReconFileDetail,
    ReconFileView,
    ReconGroup,
    ReconLineView,
    ReconQuestionView,
    ReconSettled,
    WaitingQuestion,
)
from server.registrations.schemas import (
    AgentWaits,
    AlarmView,
    CaseLine,
    CaseView,
    EvidenceView,
    OpenWait,
    PartyView,
)
from server.requests.schemas import PlatformRequestView
from server.statements.schemas import (
    StatementAccountView,
    StatementDetail,
    StatementDispute,
    StatementSignatureView,
    StatementSummary,
)

LOOKS: Final[Mapping[str, tuple[type[msgspec.Struct], ...]]] = {
    "channel.agents": (AgentRow,),
    "channel.overview": (Breakdown,),
    "partners.file": (Partnership,),
    "benefits.issuances": (IssuanceRecord,),
    "benefits.issuance_totals": (IssuanceTotal,),
    "benefits.allocations": (AllocationView,),
    "benefits.batches": (BatchView,),
    "benefits.voucher_alarms": (VoucherAlarm,),
    "benefits.reviews": (ReviewRecord, SignalView),
    "exit.plan": (Plan, Planned),
    "commissions.sale": (LineView, SaleRow, RefundRow, LineMove, OwnSale, OwnRefund),
    "commissions.sales": (SaleRow,),
    "commissions.accruals": (AccruedRow,),
    "commissions.refunds": (RefundRow,),
    "commissions.meter": (CommissionMeter, MeterTotal, ContractMeter),
    "commissions.counter_offer": (OfferView,),
    "commissions.payout": (
        *(PayoutView, PaymentView, OrderedBefore, PersonDeclared),
        *(BankFileView, PaidTo),
    ),
    "commissions.sheet": (SheetRow, SheetProblem),
    "commissions.natural_persons": (NaturalPersonRow,),
    "commissions.statement": (Statement, StatementLine),
    "commissions.trial": (PlanTrial, TriedAgent),
    "commissions.year": (AgentYear, YearLine, YearPayment, YearTotal),
    "accounting.voucher": (VoucherRow, Voucher, Line, Source),
    "statements.list": (StatementSummary, StatementSignatureView),
    "statements.one": (StatementDetail, StatementAccountView, StatementSignatureView),
    "statements.lines": (StatementLineView,),
    "statements.disputes": (StatementDispute,),
    "reconciliation.sources": (ReconSource, ColumnMap),
    "reconciliation.files": (ReconFileView,),
    "reconciliation.file": (ReconFileDetail, SideTotal),
    "reconciliation.groups": (ReconGroup,),
    "reconciliation.exceptions": (
        *(ReconExceptionView, ReconExceptionDetail, ReconLineView),
        *(ReconSettled, ReconQuestionView),
    ),
    "reconciliation.questions": (WaitingQuestion,),
    "reconciliation.rejected": (RowProblem,),
    "plans.holders": (HolderRow,),
    "plans.agent": (AgentPlan, Use, Grant, Change),
    "plans.invoices": (InvoiceRow,),
    "plans.trial": (VersionTrial, TriedHolder),
    "plans.clock": (CarriedOn, InvoiceView, InvoiceLine, CreditView),
    "requests.queue": (PlatformRequestView,),
    "registrations.queue": (CaseLine,),
    "registrations.case": (CaseView, PartyView, EvidenceView),
    "registrations.alarms": (AlarmView,),
    "registrations.waits": (AgentWaits, OpenWait),
}
"""A look, as it stands in the agent's feed, and what it answers with."""

CONTRACT: Final[Mapping[tuple[type[msgspec.Struct], str], Shared]] = {
    (AgentRow, "customers"): Shared.CUSTOMERS_BY_STATUS,
    (AgentRow, "funnel"): Shared.CUSTOMERS_BY_STATUS,
    (AgentRow, "devices"): Shared.DEVICES,
    (AgentRow, "pending"): Shared.PENDING,
    (AgentRow, "last_sync_at"): Shared.LAST_SYNC,
}
"""The fields that are there only where the sharing contract names this."""

_OF_ALL: Final = {
    "cities": Shared.CUSTOMERS_BY_CITY,
    "industries": Shared.CUSTOMERS_BY_INDUSTRY,
}
"""In which counts of all agents together an agent's own are, and by what."""


def released(shared: frozenset[Shared]) -> Iterator[Released]:
    """List the fields of all looks, and say which the platform sees by a contract."""
    for look, structs in LOOKS.items():
        if structs == (Breakdown,):
            for field, contract in _OF_ALL.items():
                yield Released(look, field, contract, contract in shared)
            continue
        for struct in structs:
            for field in struct.__struct_fields__:
                contract_of: Any = CONTRACT.get((struct, field))
                is_seen = contract_of is None or contract_of in shared
                yield Released(look, field, contract_of, is_seen)
