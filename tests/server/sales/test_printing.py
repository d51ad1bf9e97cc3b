"""A quote on paper: what it says, and that it is typeset apart from the server."""

import io

import pikepdf
import pytest

from server.kit.errors import NotFound
from server.kit.typesetting import NoChineseFont, NotPrinted, typeset
from server.sales.printing import paper, service
from server.tenants import queries as tenants
from tests.factories import NOW, Tenant
from tests.server.sales.stories import decide, seen, stock, write


@pytest.mark.parametrize(
    ("minor", "currency", "said"),
    [(12_800_50, "CNY", "¥12,800.50"), (5, "USD", "$0.05"), (100_00, "JPY", "JPY 100.00")],
)
def test_an_amount_has_its_sign_and_both_digits(minor: int, currency: str, said: str) -> None:
    assert paper.money(minor, currency) == said


@pytest.mark.parametrize(
    ("milli", "said"), [(1_000, "1"), (2_500, "2.5"), (1_234_005, "1,234.005"), (10_000, "10")]
)
def test_a_quantity_has_no_needless_zeros(milli: int, said: str) -> None:
    assert paper.quantity(milli) == said


@pytest.mark.parametrize("name", ["W" * 200, "POS-X200/" * 20, "长" * 200, "a b"])
def test_a_long_word_may_be_broken_and_says_the_same(name: str) -> None:
    parts = paper.breakable(name).split("\u200b")

    assert "".join(parts) == name
    assert all(not part.isascii() or len(part) <= 16 for part in parts)


async def test_s48_a_paper_says_whether_it_may_be_handed_over(tenant: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager), discount_minor=1_00)
    company = await tenants.tenant(tenant.rep)

    async def said() -> dict[str, str]:
        held = await seen(tenant.rep, quote)
        found = paper.content(held, company=company.name, author="赵磊", now=NOW)
        assert (found["total"], found["discount"]) == ("¥999.00", "¥1.00")
        return found

    draft = (await said())["watermark"]
    await decide(tenant.rep, quote, "submit")
    approved = (await said())["watermark"]

    assert (draft, approved) == ("草稿 DRAFT", "")


async def test_s48_a_quote_is_printed_for_who_sees_it(tenant: Tenant, rival: Tenant) -> None:
    quote = await write(tenant, await stock(tenant.manager), name="#evil() $x$ [报价]")

    pdf = await service.as_pdf(tenant.rep, quote, now=NOW)

    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert len(document.pages) == 1
        assert str(document.docinfo["/Title"]).startswith("报价单")
    with pytest.raises(NotFound):
        await service.as_pdf(rival.rep, quote, now=NOW)


async def test_without_a_chinese_font_it_says_what_is_missing() -> None:
    with pytest.raises(NoChineseFont, match="fonts-noto-cjk"):
        await typeset(service.TEMPLATE, b"{}", "--no-system-fonts")


async def test_what_is_no_paper_is_not_printed() -> None:
    with pytest.raises(NotPrinted):
        await typeset(service.TEMPLATE, b"{}")
