"""An invoice on paper: both sides get the same one, and its sums are those of the books."""

import io
from datetime import date

import msgspec
import pikepdf

from billing.invoices.rules.drafts import Bearer, Line
from billing.invoices.schemas import CreditView, InvoiceView, State
from billing.plans.rules.versions import Meter
from server.plans import exports
from tests.factories import new_id

MONTH = date(2026, 3, 1)


def an_invoice() -> InvoiceView:
    """Write an invoice of a plan and of more storage, a part of which was credited and paid."""
    fee = Line(
        version_id=new_id(),
        begins_on=MONTH,
        ends_before=date(2026, 4, 1),
        net_minor=1_300_00,
        tax_ppm=60_000,
        tax_minor=78_00,
    )
    storage = msgspec.structs.replace(
        fee,
        grant_id=new_id(),
        meter=Meter.STORAGE_BYTES,
        units=5 * 2**30,
        net_minor=10_50,
        tax_minor=63,
    )
    return InvoiceView(
        id=new_id(),
        agent_id=new_id(),
        bearer=Bearer.AGENT,
        currency="CNY",
        month=MONTH,
        issued_on=date(2026, 4, 1),
        due_on=date(2026, 4, 16),
        net_minor=1_310_50,
        tax_minor=78_63,
        total_minor=1_389_13,
        left_minor=1_060_53,
        state=State.FINAL,
        series="invoice",
        number=42,
        fapiao="26442000000123456789",
        lines=[fee, storage],
        paid_minor=300_00,
        credits=[
            CreditView(
                id=new_id(), number=43, amount_minor=28_60, tax_minor=1_62, reason="#evil() $x$"
            )
        ],
    )


async def test_s05_an_invoice_on_paper_says_what_the_books_say() -> None:
    told = an_invoice()
    said = exports.paper(told, "恒信数码")

    assert (said["net"], said["tax"], said["total"]) == ("1,310.50", "78.63", "1,389.13")
    assert (said["number"], said["credits"][0]["number"]) == ("000042", "贷-000043")
    assert said["words"] == "壹仟叁佰捌拾玖元壹角叁分"
    assert (said["paid"], said["credited"], said["left"]) == ("-300.00", "-28.60", "1,060.53")
    assert [(each["what"], each["units"], each["rate"]) for each in said["lines"]] == [
        ("套餐月费", "", "6%"),
        ("额外附件空间", "5,120 MiB", "6%"),
    ]
    assert said["lines"][0]["days"] == "2026-03-01 至 2026-03-31"

    pdf = await exports.as_pdf(told, "恒信数码")
    draft = msgspec.structs.replace(told, state=State.DRAFT, number=None, series=None, credits=[])
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert str(document.docinfo["/Title"]) == "账单 2026-03 恒信数码"
        assert len(document.pages) == 1
    assert (await exports.as_pdf(draft, "恒信数码")).startswith(b"%PDF")
