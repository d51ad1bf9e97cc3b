"""The general ledger (总账) in the shape of GB/T 24589.1: chart, dimensions, balances, vouchers.

Source: the element names and their order are those that exporters in public write after the edition
of 2010. The edition of 2024 (in force since 2025-07-01, 912 pages) was not at hand: whether names,
order or further files differ there is not known, nor is this validated by the standard's schema.
Not written, since the books have nothing of it: cash flows, reports, fixed assets, payroll, and the
element ids (`locID`) of each element.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

from billing.accounting_vouchers.formats.texts import ensure_base
from billing.accounting_vouchers.rules.charts import parent
from billing.accounting_vouchers.schemas import (
    Category,
    ChartAccount,
    ChartBalance,
    Side,
    Volume,
    Voucher,
    Written,
)
from billing.journal.rules import amount
from billing.ledger.schemas import Dimension

_CATEGORIES: Final = {
    Category.ASSET: "资产",
    Category.LIABILITY: "负债",
    Category.EQUITY: "所有者权益",
    Category.COST: "成本",
    Category.PROFIT: "损益",
}
_SIDES: Final = {Side.DEBIT: "借", Side.CREDIT: "贷"}
_NAMES: Final = {
    Dimension.AGENT: "代理商",
    Dimension.CUSTOMER: "客户",
    Dimension.PROGRAM: "权益方案",
    Dimension.REGION: "地区",
    Dimension.DEPARTMENT: "部门",
    Dimension.EMPLOYEE: "员工",
    Dimension.PROJECT: "项目",
}
_LEVELS: Final = "4-2-2-2-2"

Fields = Iterator[tuple[str, str]]


def ensure_writable(volume: Volume) -> None:
    """Refuse what the file cannot hold.

    :raises ExportForeignCurrency: it is not in the books' own currency.
    """
    ensure_base(volume)


def write(volume: Volume) -> Written:
    """Write the ledger of a period as XML.

    :raises ExportForeignCurrency: it is not in the books' own currency.
    """
    ensure_writable(volume)
    return Written("".join(_document(volume)).encode())


def _document(volume: Volume) -> Iterator[str]:
    """Write element after element, each record on a line."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<总账>\n'
    yield _record("总账基础信息", iter((("结构分隔符", "-"), ("会计科目编号规则", _LEVELS))))
    for account in volume.chart.values():
        yield _record("会计科目", _account(account))
    for account in volume.chart.values():
        for place, dimension in enumerate(account.wants, 1):
            yield _record("科目辅助核算", _auxiliary(account, place, dimension))
    for balance in volume.balances:
        yield _record("科目余额及发生额", _balance(volume, balance))
    for voucher in volume.vouchers:
        for fields in _entries(volume, voucher):
            yield _record("记账凭证", fields)
    yield "</总账>\n"


def _record(name: str, fields: Fields) -> str:
    """Write one record."""
    body = "".join(f"<{field}>{escape(value, quote=False)}</{field}>" for field, value in fields)
    return f"<{name}>{body}</{name}>\n"


def _account(account: ChartAccount) -> Fields:
    """Give what is said of an account."""
    yield "科目编号", account.code
    yield "科目名称", account.name
    yield "科目级次", str(_level(account.code))
    yield "科目类型", _CATEGORIES[account.category]
    yield "余额方向", _SIDES[account.side]


def _level(code: str) -> int:
    """Count the levels from the top."""
    above = parent(code)
    return 1 if above is None else 1 + _level(above)


def _auxiliary(account: ChartAccount, place: int, dimension: Dimension) -> Fields:
    """Give what an account is counted by; the place is that of a line's value."""
    yield "科目编号", account.code
    yield "辅助项编号", str(place)
    yield "辅助项名称", _NAMES[dimension]
    yield "对应档案", _NAMES[dimension]
    yield "辅助项描述", dimension.value


def _values(account: ChartAccount, dims: dict[Dimension, str]) -> Fields:
    """Give the values of what an account is counted by, in its order."""
    for place, dimension in enumerate(account.wants, 1):
        yield f"辅助项{place}编号", dims[dimension]


def _balance(volume: Volume, balance: ChartBalance) -> Fields:
    """Give what stood and moved; amounts are positive on the side that is named."""
    yield "科目编号", balance.account_code
    yield from _values(volume.chart[balance.account_code], balance.dims)
    yield "期初余额方向", _direction(balance.opening_minor)
    yield "期末余额方向", _direction(balance.closing_minor)
    yield "币种编码", volume.currency
    yield from _period(volume)
    for name, minor in (
        ("期初", abs(balance.opening_minor)),
        ("借方", balance.debits_minor),
        ("贷方", balance.credits_minor),
        ("期末", abs(balance.closing_minor)),
    ):
        told, kind = amount(minor, volume.currency), "余额" if name.startswith("期") else "金额"
        yield f"{name}原币{kind}", told
        yield f"{name}本币{kind}", told


def _direction(minor: int) -> str:
    """Say on which side a balance stands."""
    return "借" if minor > 0 else "贷" if minor < 0 else "平"


def _period(volume: Volume) -> Fields:
    """Name the period."""
    yield "会计年度", str(volume.ends_on.year)
    yield "会计期间号", str(volume.ends_on.month)


def _entries(volume: Volume, voucher: Voucher) -> Iterator[Fields]:
    """Give the lines of a voucher."""
    for line in voucher.lines:
        debit, credit = (
            amount(each, volume.currency) for each in (line.debit_minor, line.credit_minor)
        )
        yield iter(
            (
                ("记账凭证日期", f"{voucher.on:%Y%m%d}"),
                *_period(volume),
                ("记账凭证类型编号", voucher.word),
                ("记账凭证编号", f"{voucher.no}"),
                ("记账凭证行号", f"{line.n}"),
                ("记账凭证摘要", line.summary),
                ("科目编号", line.account_code),
                *_values(volume.chart[line.account_code], line.dims),
                ("币种编码", volume.currency),
                ("借方原币金额", debit),
                ("借方本币金额", debit),
                ("贷方原币金额", credit),
                ("贷方本币金额", credit),
                ("汇率", "1"),
                ("附件数", "0"),
                ("制单人", voucher.maker_name),
                ("审核人", voucher.checker_name or ""),
                ("记账标志", "0"),
                ("作废标志", "0"),
            )
        )
