"""Commissions over HTTP: the platform's finance keeps them, an agent's owner sees its own."""

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from billing.commissions.rules.plans import PPM, PlanVersion
from billing.commissions.rules.statements import Statement
from billing.commissions.schemas import (
    AccruedRow,
    AgentYear,
    BatchRow,
    ChosenSales,
    LineView,
    NaturalPersonRow,
    NaturalPersonSaid,
    OfferRow,
    OfferView,
    OwnSale,
    PaymentView,
    PlanTrial,
    RefundRow,
    SaleRow,
    TaxOwed,
)
from billing.commissions.yearly import DEDUCTIBLE_PPM
from server.access.edge import CurrentActor
from server.commissions import exports, queries, service
from server.commissions.exports import XLSX
from server.commissions.schemas import (
    MONTH,
    CommissionMeter,
    NewBankFile,
    NewCorrection,
    NewCounterOffer,
    NewNaturalPerson,
    NewPayout,
    NewRefund,
    NewSale,
    NewTaxPayment,
    PaymentAnswer,
    PayoutApproval,
    PayoutView,
)
from server.commissions.sheets.routes import PLATFORM as SHEETS
from server.kit import clock
from server.kit.pages import Page
from server.kit.parameters import PageCursor
from server.kit.sheets import CSV, attached

Month = Annotated[str, QueryParameter(pattern=MONTH, description="As in 2026-11.")]
Unit = Annotated[str, QueryParameter(pattern=r"\A[A-Z]{3,8}\Z")]
Version = Annotated[int, QueryParameter(ge=0, le=2**53 - 1, description="Of the last line seen.")]
Year = Annotated[int, QueryParameter(ge=2000, le=2099)]
Months = Annotated[int, QueryParameter(ge=0, le=24, description="Whole months before this one.")]
LimitPpm = Annotated[
    int, QueryParameter(ge=0, le=PPM, description="Millionths of revenue; trades differ.")
]
AgentId = Annotated[UUID | None, QueryParameter(description="Who sold, the first of several.")]
Day = Annotated[date | None, QueryParameter(description="As in 2026-11-30; both ends count.")]
_JSON: Final = "application/json"
_BANK_CSV: Final = "text/csv; charset=gb18030"


@get("/commission-plans", summary="List commission plans")
async def plans(actor: CurrentActor) -> list[PlanVersion]:
    """List the versions of all plans, those that began last first."""
    return await queries.plans(actor)


@post("/commission-plans", summary="Publish a version of a plan")
async def publish(actor: CurrentActor, data: JSONBody[PlanVersion]) -> PlanVersion:
    """Publish what a plan pays from a day on; it never changes."""
    return await service.publish(actor, data, now=clock.now())


@post("/commission-plans/trial", summary="Try a version on past sales", status_code=200)
async def trial(actor: CurrentActor, data: JSONBody[PlanVersion], months: Months = 3) -> PlanTrial:
    """Give what the plan's sales of some months and this one paid, and would have by a version.

    Nothing is kept of it. Agents are shown whole, with what those above them share; each is told.
    """
    return await queries.trial(actor, data, months=months, now=clock.now())


@post("/commission-sales", summary="Record a sale")
async def record_sale(actor: CurrentActor, data: JSONBody[NewSale]) -> list[LineView]:
    """Record what was sold; what each agent gets for it is held until its refund time is over."""
    return await service.record_sale(actor, data, now=clock.now())


@get("/commission-sales", summary="List sales")
async def sales(
    actor: CurrentActor,
    agent_id: AgentId = None,
    plan_id: FromQuery[UUID | None] = None,
    contract_id: FromQuery[UUID | None] = None,
    since: Day = None,
    until: Day = None,
    cursor: PageCursor = None,
) -> Page[SaleRow]:
    """List what was sold, the last days first, with what it was paid by; who shares is told."""
    chosen = ChosenSales(
        agent_id=agent_id, plan_id=plan_id, contract_id=contract_id, since=since, until=until
    )
    return await queries.sales(actor, chosen, cursor=cursor, now=clock.now())


@get("/commission-accruals", summary="List what agents have earned")
async def accruals(actor: CurrentActor, cursor: PageCursor = None) -> Page[AccruedRow]:
    """List by agent what is held, free to be paid, on its way and paid; each agent is told."""
    return await queries.accrued(actor, cursor=cursor, now=clock.now())


@get("/commission-sales/{sale_id:uuid}/refunds", summary="List a sale's refunds")
async def refunds_of_sale(actor: CurrentActor, sale_id: FromPath[UUID]) -> list[RefundRow]:
    """List what was refunded of a sale, and why; who shares it is told that it was read."""
    return await queries.refunds_of_sale(actor, sale_id, now=clock.now())


@get("/commission-meter", summary="Commission against the 5 % limit")
async def meter(
    actor: CurrentActor,
    year: Year,
    limit_ppm: LimitPpm = DEDUCTIBLE_PPM,
    cursor: PageCursor = None,
) -> CommissionMeter:
    """Give what of each contract's commission its limit lets deduct; who shares it is told."""
    return await queries.meter(actor, year, limit_ppm=limit_ppm, cursor=cursor, now=clock.now())


@get("/commission-sales/{sale_id:uuid}/lines", summary="List who gets what for a sale")
async def lines_of_sale(actor: CurrentActor, sale_id: FromPath[UUID]) -> list[LineView]:
    """List what each agent gets for a sale; each is told that it was read."""
    return await queries.lines_of_sale(actor, sale_id, now=clock.now())


@post("/commission-refunds", summary="Record a refund")
async def refund(actor: CurrentActor, data: JSONBody[NewRefund]) -> list[LineView]:
    """Take a part of a sale back, and its part of what was earned for it."""
    return await service.refund(actor, data, now=clock.now())


@post("/commission-corrections", summary="Correct a line")
async def correct(actor: CurrentActor, data: JSONBody[NewCorrection]) -> LineView:
    """Post what a dispute about a line came to; the line stays as it is."""
    return await service.correct(actor, data, now=clock.now())


@get("/counter-offers", summary="List counter-offers")
async def counter_offers(actor: CurrentActor, cursor: PageCursor = None) -> Page[OfferRow]:
    """List what was asked about rivals' offers, the newest first."""
    return await queries.counter_offers(actor, cursor=cursor)


@post("/counter-offers", summary="Ask what matching a rival would cost")
async def ask(actor: CurrentActor, data: JSONBody[NewCounterOffer]) -> OfferView:
    """Ask what each answer to a rival's offer would cost and bring; the worker simulates it.

    The `answer` is null until it has: look at the counter-offer again after some seconds. The
    agents whose business it is asked of are told.
    """
    return await service.ask(actor, data, now=clock.now())


@get("/counter-offers/{offer_id:uuid}", summary="One counter-offer")
async def counter_offer(actor: CurrentActor, offer_id: FromPath[UUID]) -> OfferView:
    """Give a question with its answer, and the hash of all of it; its agents are told."""
    return await queries.counter_offer(actor, offer_id, now=clock.now())


@get("/agents/{agent_id:uuid}/commission-statement", summary="An agent's statement")
async def statement(
    actor: CurrentActor, agent_id: FromPath[UUID], month: Month, currency: Unit = "CNY"
) -> Statement:
    """Give what moved an agent's commission account in a month; the agent is told."""
    return await queries.statement(actor, agent_id, month, currency, now=clock.now())


@get("/agents/{agent_id:uuid}/commission-year", summary="An agent's year")
async def year_of(actor: CurrentActor, agent_id: FromPath[UUID], year: Year) -> AgentYear:
    """Give an agent's commission of a year, by month and plan; the agent is told."""
    return await queries.year_of(actor, agent_id, year, now=clock.now())


@get(
    "/agents/{agent_id:uuid}/commission-year.csv", summary="An agent's year as CSV", media_type=CSV
)
async def year_csv(actor: CurrentActor, agent_id: FromPath[UUID], year: Year) -> Response[bytes]:
    """Give an agent's year as CSV; the agent is told."""
    return exports.year_as_csv(await queries.year_of(actor, agent_id, year, now=clock.now()))


@get(
    "/agents/{agent_id:uuid}/commission-year.xlsx",
    summary="An agent's year as a workbook",
    media_type=XLSX,
)
async def year_xlsx(actor: CurrentActor, agent_id: FromPath[UUID], year: Year) -> Response[bytes]:
    """Give an agent's year as XLSX; the agent is told."""
    return exports.year_as_xlsx(await queries.year_of(actor, agent_id, year, now=clock.now()))


@get("/payouts", summary="List payout batches")
async def payouts(actor: CurrentActor, cursor: PageCursor = None) -> Page[BatchRow]:
    """List the payout batches, the newest first."""
    return await queries.payouts(actor, cursor=cursor)


@post("/payouts", summary="Put a payout together")
async def make_payout(actor: CurrentActor, data: JSONBody[NewPayout]) -> PayoutView:
    """Put together what agents are owed; somebody else lets it go."""
    return await service.make_payout(actor, data, now=clock.now())


@get("/payouts/{batch_id:uuid}", summary="One payout batch")
async def payout(actor: CurrentActor, batch_id: FromPath[UUID]) -> PayoutView:
    """Give a batch with its payments, and the hash that an approval names."""
    return await queries.payout(actor, batch_id, now=clock.now())


@post("/payouts/{batch_id:uuid}/approval", summary="Let a payout go")
async def approve(
    actor: CurrentActor, batch_id: FromPath[UUID], data: JSONBody[PayoutApproval]
) -> PayoutView:
    """Let a batch go as it was looked at; who made it cannot."""
    return await service.approve(actor, batch_id, data, now=clock.now())


@post("/payouts/{batch_id:uuid}/discarding", summary="Discard a payout")
async def discard(actor: CurrentActor, batch_id: FromPath[UUID]) -> PayoutView:
    """Give a batch up that nobody has let go, whoever made it; its lines are free again."""
    return await service.discard(actor, batch_id, now=clock.now())


@post("/payouts/{batch_id:uuid}/bank-file", summary="Write the bank's file", media_type=_BANK_CSV)
async def bank_file(
    actor: CurrentActor, batch_id: FromPath[UUID], data: JSONBody[NewBankFile]
) -> Response[bytes]:
    """Write what of a batch waits for the bank, as CSV in GB 18030; who made the batch cannot.

    Of accounts the last four digits are kept, and the SHA-256 of the file.
    """
    content = await service.bank_file(actor, batch_id, data, now=clock.now())
    return Response(content, media_type=_BANK_CSV, headers=attached("payout.csv"))


@post("/payments/{payment_id:uuid}/answer", summary="Say what the bank did")
async def settle(
    actor: CurrentActor, payment_id: FromPath[UUID], data: JSONBody[PaymentAnswer]
) -> PaymentView:
    """Say that the bank paid, did not pay or gave back; what was not paid may be paid anew.

    Why it was not paid is told to the agent.
    """
    return await service.settle(actor, payment_id, data, now=clock.now())


@get("/natural-persons", summary="List agents who are natural persons")
async def natural_persons(actor: CurrentActor) -> list[NaturalPersonRow]:
    """List the agents of whose commission tax is withheld, as labour remuneration; each is told."""
    return await queries.natural_persons(actor, now=clock.now())


@post("/agents/{agent_id:uuid}/natural-person", summary="Say whether an agent is a natural person")
async def say_person(
    actor: CurrentActor, agent_id: FromPath[UUID], data: JSONBody[NewNaturalPerson]
) -> NaturalPersonSaid:
    """Say whether tax is withheld of an agent's commission, in yuan, from the next payout on.

    As labour remuneration, by SAT announcement 61 of 2018; ask the platform's tax adviser first.
    """
    return await service.say_person(actor, agent_id, data, now=clock.now())


@get("/withheld-tax", summary="Tax that was withheld")
async def withheld_tax(actor: CurrentActor) -> TaxOwed:
    """Give what was withheld of natural persons and not paid to the tax office yet."""
    return await queries.withheld_tax(actor)


@post("/withheld-tax/payments", summary="Say what went to the tax office")
async def pay_tax(actor: CurrentActor, data: JSONBody[NewTaxPayment]) -> TaxOwed:
    """Book that tax that was withheld went to the tax office; give what is still owed."""
    return await service.pay_tax(actor, data, now=clock.now())


@get("/lines", summary="List what one's company gets")
async def own_lines(actor: CurrentActor, cursor: PageCursor = None) -> Page[LineView]:
    """List what one's company gets for sales, what is payable last first."""
    return await queries.own_lines(actor, cursor=cursor)


@get("/lines/{line_id:uuid}", summary="What a line of one's company comes from")
async def own_sale(actor: CurrentActor, line_id: FromPath[UUID]) -> OwnSale:
    """Give the sale behind a line, its plan and its refunds, as far as it concerns the company."""
    return await queries.own_sale(actor, line_id)


@get("/statement", summary="One's own statement")
async def own_statement(actor: CurrentActor, month: Month, currency: Unit = "CNY") -> Statement:
    """Give what moved one's company's commission account in a month."""
    return await queries.own_statement(actor, month, currency)


@get("/statement.xlsx", summary="One's own statement as a workbook", media_type=XLSX)
async def own_workbook(
    actor: CurrentActor, month: Month, currency: Unit = "CNY"
) -> Response[bytes]:
    """Give the statement of a month as XLSX."""
    told = await queries.own_statement(actor, month, currency)
    headers = attached(f"commission-{month}-{currency}.xlsx")
    return Response(exports.workbook(told), media_type=XLSX, headers=headers)


@get("/year", summary="One's own year")
async def own_year(actor: CurrentActor, year: Year) -> AgentYear:
    """Give one's company's commission of a year, by month and plan."""
    return await queries.own_year(actor, year)


@get("/year.csv", summary="One's own year as CSV", media_type=CSV)
async def own_year_csv(actor: CurrentActor, year: Year) -> Response[bytes]:
    """Give one's company's year as CSV."""
    return exports.year_as_csv(await queries.own_year(actor, year))


@get("/year.xlsx", summary="One's own year as a workbook", media_type=XLSX)
async def own_year_xlsx(actor: CurrentActor, year: Year) -> Response[bytes]:
    """Give one's company's year as XLSX."""
    return exports.year_as_xlsx(await queries.own_year(actor, year))


@get("/proven-statement", summary="One's own lines with their proofs", media_type=_JSON)
async def proven_statement(
    actor: CurrentActor, currency: Unit = "CNY", after: Version = 0
) -> Response[bytes]:
    """Give the sealed lines of one's commission account as `tonglu-verify` checks them, alone."""
    content = await queries.proven_statement(actor, currency, after=after)
    return Response(content, media_type=_JSON, headers=attached("statement.json"))


@get("/heads/{size:int}", summary="A head of the books' log", media_type=_JSON)
async def head(actor: CurrentActor, size: FromPath[int]) -> Response[bytes]:
    """Give the signed head that a statement of this `size` is proven against."""
    content = await queries.head(actor, size)
    return Response(content, media_type=_JSON, headers=attached("head.json"))


router = Router(
    "/",
    route_handlers=[
        Router(
            "/commissions",
            route_handlers=[
                own_lines,
                own_sale,
                own_statement,
                own_workbook,
                own_year,
                own_year_csv,
                own_year_xlsx,
                proven_statement,
                head,
            ],
            tags=["commissions"],
        ),
        Router(
            "/platform",
            route_handlers=[
                plans,
                publish,
                trial,
                record_sale,
                sales,
                lines_of_sale,
                refunds_of_sale,
                accruals,
                meter,
                refund,
                correct,
                counter_offers,
                ask,
                counter_offer,
                statement,
                year_of,
                year_csv,
                year_xlsx,
                payouts,
                make_payout,
                payout,
                approve,
                discard,
                bank_file,
                settle,
                natural_persons,
                say_person,
                withheld_tax,
                pay_tax,
                *SHEETS,
            ],
            tags=["platform: commissions"],
        ),
    ],
)
