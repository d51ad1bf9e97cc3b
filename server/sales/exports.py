"""Quotes and prices as sheets."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final, TypeAlias

from server.access import Actor, Permission, ensure
from server.audit import exports
from server.audit.exports import Columns
from server.identity import queries as identity
from server.kit.pages import PAGE_SIZE_MAX, Page
from server.sales import queries
from server.sales.imports.columns import COLUMNS_ZH
from server.sales.schemas import PriceBookView, PriceView, ProductView, QuoteFilters, QuoteView

_STATES: Final = {
    "draft": "草稿",
    "waiting": "待审批",
    "approved": "可发送",
    "sent": "已发送",
    "accepted": "客户已接受",
    "refused": "客户未接受",
    "expired": "已过期",
    "withdrawn": "已撤回",
}
_Line: TypeAlias = tuple[ProductView, PriceBookView | None, PriceView | None]
_PRICES: Final[Columns[_Line]] = {
    COLUMNS_ZH["id"]: lambda line: str(line[0].id),
    COLUMNS_ZH["code"]: lambda line: line[0].code,
    COLUMNS_ZH["name"]: lambda line: line[0].name,
    COLUMNS_ZH["unit"]: lambda line: line[0].unit,
    COLUMNS_ZH["tax"]: lambda line: f"{exports.yuan(line[0].tax_bp)}%",
    COLUMNS_ZH["book"]: lambda line: line[1].name if line[1] else None,
    COLUMNS_ZH["list_price"]: lambda line: exports.yuan(line[2].list_minor) if line[2] else None,
    COLUMNS_ZH["floor_price"]: lambda line: exports.yuan(line[2].floor_minor) if line[2] else None,
}


async def as_csv(actor: Actor, filters: QuoteFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the quotes within sight that the filters leave as CSV. For who may export."""
    people = (await identity.directory(actor)).people
    columns: Columns[QuoteView] = {
        "报价编号": lambda each: str(each.id),
        "报价名称": lambda each: each.name,
        "客户名称": lambda each: each.customer_name,
        "商机": lambda each: each.opportunity_name,
        "状态": lambda each: _STATES[each.state],
        "币种": lambda each: each.currency,
        "金额": lambda each: exports.yuan(each.totals.amount_minor),
        "折扣": lambda each: exports.yuan(each.totals.discount_minor),
        "合计": lambda each: exports.yuan(each.totals.net_minor),
        "其中税额": lambda each: exports.yuan(each.totals.tax_minor),
        "有效期至": lambda each: each.valid_until,
        "编制人": lambda each: people.get(each.edited_by),
        "审批人": lambda each: people.get(each.decided_by) if each.decided_by else None,
        "创建时间": lambda each: each.created_at,
        "备注": lambda each: each.remark,
    }
    return await exports.as_csv(
        actor,
        "quotes",
        columns,
        lambda cursor: queries.list_page(actor, filters, cursor=cursor, limit=PAGE_SIZE_MAX),
        now=now,
    )


async def prices(actor: Actor, *, now: datetime) -> AsyncIterator[bytes]:
    """Write all products, and the prices in use, as CSV that an import takes back.

    For who keeps prices.
    """
    ensure(actor, Permission.PRICES_MANAGE)
    # A retired book may be called as one in use: an import would take its prices for that one's.
    books = [each for each in await queries.price_books(actor) if each.state == "active"]
    products = await queries.products(actor)
    held = {
        (price.product_id, book.id): price
        for book in books
        for price in await queries.prices(actor, book.id)
    }
    lines: list[_Line] = [
        (product, book, held[product.id, book.id])
        for product in products
        for book in books
        if (product.id, book.id) in held
    ]
    priced = {product.id for product, _, _ in lines}
    lines += [(product, None, None) for product in products if product.id not in priced]

    async def all_of_them(_: str | None) -> Page[_Line]:
        return Page(lines, None)

    return await exports.as_csv(actor, "prices", _PRICES, all_of_them, now=now)
