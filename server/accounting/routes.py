"""Accounting over HTTP: for the platform's finance."""

from typing import Annotated
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from billing.accounting_vouchers.schemas import (
    ChartAccount,
    ExportJob,
    PostingRule,
    RunView,
    Source,
    Voucher,
    VoucherRow,
    VoucherTemplate,
)
from server.access.edge import CurrentActor
from server.accounting import queries, service
from server.accounting.schemas import (
    Beginning,
    Chart,
    Check,
    ExportOrder,
    NewAccounts,
    NewRun,
    NewState,
    NewTreatment,
    OpenPeriod,
    PeriodFile,
    PeriodRow,
    Refusing,
    TakingBack,
)
from server.kit import clock
from server.kit.pages import Page
from server.kit.parameters import PageCursor
from server.kit.sheets import attached

LineNumber = Annotated[int, QueryParameter(ge=0, le=2**31 - 1, description="0 for all lines.")]
AfterId = Annotated[UUID | None, QueryParameter(description="The last transfer that was seen.")]


@get("/periods", summary="List the periods of the books")
async def all_periods(actor: CurrentActor) -> list[PeriodRow]:
    """List the periods, the last one first."""
    return await queries.all_periods(actor)


@post("/periods", summary="Open a period")
async def open_period(actor: CurrentActor, data: JSONBody[OpenPeriod]) -> PeriodRow:
    """Add a period behind the last one."""
    return await service.open_period(actor, data, now=clock.now())


@get("/periods/{period_id:uuid}", summary="One period")
async def period(actor: CurrentActor, period_id: FromPath[UUID]) -> PeriodFile:
    """Give a period with its runs, its exports and what does not tie to its trial balance."""
    return await queries.period(actor, period_id)


@post("/periods/{period_id:uuid}/state", summary="Close a period, or open it again")
async def change_period(
    actor: CurrentActor, period_id: FromPath[UUID], data: JSONBody[NewState]
) -> PeriodRow:
    """Close a period softly or for good, or open it again; a reason is kept."""
    return await service.change_period(actor, period_id, data, now=clock.now())


@get("/chart", summary="The chart of accounts")
async def chart(actor: CurrentActor) -> Chart:
    """Give the chart, the posting rules and the templates of one's own."""
    return await queries.chart(actor)


@post("/chart", summary="Add accounts")
async def add_accounts(actor: CurrentActor, data: JSONBody[NewAccounts]) -> list[ChartAccount]:
    """Add accounts of one's own; the answer is those that are new."""
    return await service.add_accounts(actor, data, now=clock.now())


@post("/chart/beginning", summary="Begin with a standard's chart")
async def begin(actor: CurrentActor, data: JSONBody[Beginning]) -> Chart:
    """Begin with a standard's chart and a posting rule for every kind of ledger account."""
    return await service.begin(actor, data, now=clock.now())


@post("/rules", summary="Publish a posting rule")
async def publish_rule(actor: CurrentActor, data: JSONBody[PostingRule]) -> PostingRule:
    """Publish where legs on a kind of ledger account are posted; it never changes."""
    return await service.publish_rule(actor, data, now=clock.now())


@post("/treatments", summary="Say what a program's benefits are in the accounts")
async def treat(actor: CurrentActor, data: JSONBody[NewTreatment]) -> list[PostingRule]:
    """Publish the rules by which a program is treated from a day on."""
    return await service.treat(actor, data, now=clock.now())


@post("/templates", summary="Publish a voucher template")
async def publish_template(actor: CurrentActor, data: JSONBody[VoucherTemplate]) -> VoucherTemplate:
    """Publish how an event's transfers become vouchers; it never changes."""
    return await service.publish_template(actor, data, now=clock.now())


@get("/periods/{period_id:uuid}/vouchers", summary="List a period's vouchers")
async def vouchers(
    actor: CurrentActor, period_id: FromPath[UUID], cursor: PageCursor = None
) -> Page[VoucherRow]:
    """List a period's vouchers by word and number; the agents in them are told."""
    return await queries.vouchers(actor, period_id, cursor=cursor, now=clock.now())


@post("/periods/{period_id:uuid}/runs", summary="Make vouchers")
async def make(actor: CurrentActor, period_id: FromPath[UUID], data: JSONBody[NewRun]) -> RunView:
    """Put up vouchers of all that a closed period moved and that is in none."""
    return await service.make(actor, period_id, data, now=clock.now())


@post("/runs/{run_id:uuid}/check", summary="Check vouchers")
async def check(actor: CurrentActor, run_id: FromPath[UUID], data: JSONBody[Check]) -> RunView:
    """Check vouchers as they were looked at; who made them cannot. Now they have numbers."""
    return await service.check(actor, run_id, data, now=clock.now())


@post("/runs/{run_id:uuid}/refusal", summary="Refuse vouchers")
async def refuse(actor: CurrentActor, run_id: FromPath[UUID], data: JSONBody[Refusing]) -> RunView:
    """Refuse vouchers that have no numbers yet; what they are of may be put up anew."""
    return await service.refuse(actor, run_id, data, now=clock.now())


@get("/vouchers/{voucher_id:uuid}", summary="One voucher")
async def voucher(actor: CurrentActor, voucher_id: FromPath[UUID]) -> Voucher:
    """Give a voucher with its lines; the agents in it are told."""
    return await queries.voucher(actor, voucher_id, now=clock.now())


@get("/vouchers/{voucher_id:uuid}/transfers", summary="What a voucher is made of")
async def sources(
    actor: CurrentActor,
    voucher_id: FromPath[UUID],
    line: LineNumber = 0,
    after: AfterId = None,
) -> list[Source]:
    """List the transfers that a voucher, or a line of it, is made of: 200 at a time."""
    return await queries.sources(actor, voucher_id, line=line, after=after, now=clock.now())


@post("/vouchers/{voucher_id:uuid}/reversal", summary="Take a voucher back in red")
async def take_back(
    actor: CurrentActor, voucher_id: FromPath[UUID], data: JSONBody[TakingBack]
) -> RunView:
    """Put up the red voucher of one that was wrong; somebody else checks it."""
    return await service.take_back(actor, voucher_id, data, now=clock.now())


@post("/exports", summary="Export vouchers")
async def export(actor: CurrentActor, data: JSONBody[ExportOrder]) -> ExportJob:
    """Write vouchers for a package: the same range is the same bytes, whose digest is kept."""
    return await service.export(actor, data, now=clock.now())


@get("/exports/{export_id:uuid}/file", summary="An export's file", media_type="text/plain")
async def export_file(actor: CurrentActor, export_id: FromPath[UUID]) -> Response[bytes]:
    """Give the file of an export."""
    file = await service.file_of(actor, export_id, now=clock.now())
    return Response(file.content, media_type=file.media_type, headers=attached(file.name))


router = Router(
    "/platform/accounting",
    route_handlers=[
        all_periods,
        open_period,
        period,
        change_period,
        chart,
        add_accounts,
        begin,
        publish_rule,
        treat,
        publish_template,
        vouchers,
        make,
        check,
        refuse,
        voucher,
        sources,
        take_back,
        export,
        export_file,
    ],
    tags=["platform: accounting"],
)
