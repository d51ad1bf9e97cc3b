"""The chart of accounts: what the standards begin with, and what an account of one's own keeps to.

Codes and names are those of the accounting standards for enterprises and for small businesses
(财政部: 《企业会计准则——应用指南》 2006, with 合同负债 of CAS 14; 《小企业会计准则》 2011). What is
below their first level is our own.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from billing.accounting_vouchers.schemas import (
    Category,
    ChartAccount,
    Side,
    Standard,
    Treatment,
)
from billing.errors import BillingRefusal, Sort
from billing.ledger.schemas import AccountKind, Dimension

Chart = Mapping[str, ChartAccount]
"""Accounts by code."""
_LEVELS: Final = 4
"""Digits of the first level; each one below has two more."""


class ChartAccountNotFound(BillingRefusal):
    """There is no account of the chart with this code."""

    code = "chart_account_not_found"
    sort = Sort.ABSENT
    field = "account_code"


class ChartParentMissing(BillingRefusal):
    """An account is to be added below one that is not there."""

    code = "chart_parent_missing"
    sort = Sort.CLASH
    field = "code"


class ChartAccountDiffers(BillingRefusal):
    """A code belongs to an account with another name, category, side or dimensions."""

    code = "chart_account_differs"
    sort = Sort.CLASH
    field = "code"


class ChartAccountInUse(BillingRefusal):
    """An account is posted to, so that none can be added below it."""

    code = "chart_account_in_use"
    sort = Sort.CLASH
    field = "code"


class ChartAccountNotLeaf(BillingRefusal):
    """An account has others below it; only the lowest are posted to."""

    code = "chart_account_not_leaf"
    sort = Sort.CLASH
    field = "account_code"


def parent(code: str) -> str | None:
    """Give the code of the account above, where there is one."""
    return code[:-2] if len(code) > _LEVELS else None


def is_leaf(code: str, codes: Iterable[str]) -> bool:
    """Say whether no account is below this one."""
    return not any(parent(each) == code for each in codes)


def part(chart: Chart, codes: Iterable[str]) -> dict[str, ChartAccount]:
    """Give some accounts of a chart and all that they stand below, by code."""
    wanted: set[str] = set()
    for code in codes:
        above: str | None = code
        while above is not None:
            wanted.add(above)
            above = parent(above)
    return {code: chart[code] for code in sorted(wanted)}


def ensure_posted_to(code: str, chart: Chart) -> None:
    """Refuse what is no lowest account of the chart.

    :raises ChartAccountNotFound: it is not in the chart.
    :raises ChartAccountNotLeaf: others are below it.
    """
    if code not in chart:
        raise ChartAccountNotFound(
            f"There is no account {code} in the chart; add it first.", about=code
        )
    if not is_leaf(code, chart):
        raise ChartAccountNotLeaf(
            f"Account {code} has others below it; name one of them.", about=code
        )


def ensure_fits(
    new: Sequence[ChartAccount], chart: Chart, used: Iterable[str]
) -> list[ChartAccount]:
    """Give what of some accounts is new, or refuse all of them.

    :param used: codes that rules or vouchers name.
    :raises ChartAccountDiffers: a code belongs to another account.
    :raises ChartParentMissing: what it stands below is not there.
    :raises ChartAccountInUse: what it stands below is posted to.
    """
    known, posted = dict(chart), set(used)
    added = []
    for account in sorted(new, key=lambda each: each.code):
        if (held := known.get(account.code)) is not None:
            if held != account:
                raise ChartAccountDiffers(f"Account {account.code} is there with other terms.")
            continue
        above = parent(account.code)
        if above is not None and above not in known:
            raise ChartParentMissing(f"Add account {above} first; {account.code} stands below it.")
        if above in posted:
            raise ChartAccountInUse(f"Account {above} is posted to; add {account.code} elsewhere.")
        known[account.code] = account
        added.append(account)
    return added


# ---------------------------------------------------------------------- what charts begin with

_CATEGORIES: Final[Mapping[Standard, Mapping[str, Category]]] = {
    Standard.ENTERPRISE: {
        "1": Category.ASSET,
        "2": Category.LIABILITY,
        "4": Category.EQUITY,
        "5": Category.COST,
        "6": Category.PROFIT,
    },
    Standard.SMALL_BUSINESS: {
        "1": Category.ASSET,
        "2": Category.LIABILITY,
        "3": Category.EQUITY,
        "4": Category.COST,
        "5": Category.PROFIT,
    },
}
_AGENT: Final = (Dimension.AGENT,)
_PROGRAM: Final = (Dimension.PROGRAM,)
_DEBIT, _CREDIT = Side.DEBIT, Side.CREDIT

Row = tuple[str, str, Side, tuple[Dimension, ...]]
_ROWS: Final[Mapping[Standard, Sequence[Row]]] = {
    Standard.ENTERPRISE: (
        ("1001", "库存现金", _DEBIT, ()),
        ("1002", "银行存款", _DEBIT, ()),
        ("100201", "基本户", _DEBIT, ()),
        ("1012", "其他货币资金", _DEBIT, ()),
        ("1122", "应收账款", _DEBIT, ()),
        ("1123", "预付账款", _DEBIT, ()),
        ("1221", "其他应收款", _DEBIT, ()),
        ("2202", "应付账款", _CREDIT, ()),
        ("2203", "预收账款", _CREDIT, ()),
        ("2205", "合同负债", _CREDIT, ()),
        ("220501", "客户权益", _CREDIT, _PROGRAM),
        ("2211", "应付职工薪酬", _CREDIT, ()),
        ("2221", "应交税费", _CREDIT, ()),
        ("222101", "代扣个人所得税", _CREDIT, ()),
        ("2241", "其他应付款", _CREDIT, ()),
        ("224101", "代理商佣金", _CREDIT, _AGENT),
        ("224102", "客户权益", _CREDIT, (Dimension.AGENT, Dimension.PROGRAM)),
        ("224103", "在途付款", _CREDIT, _AGENT),
        ("4001", "实收资本", _CREDIT, ()),
        ("4103", "本年利润", _CREDIT, ()),
        ("4104", "利润分配", _CREDIT, ()),
        ("6001", "主营业务收入", _CREDIT, ()),
        ("600101", "销售收入", _CREDIT, ()),
        ("600102", "客户权益抵减", _CREDIT, _PROGRAM),
        ("6061", "汇兑损益", _CREDIT, ()),
        ("6401", "主营业务成本", _DEBIT, ()),
        ("6601", "销售费用", _DEBIT, ()),
        ("660101", "渠道佣金", _DEBIT, _AGENT),
        ("660102", "客户权益", _DEBIT, _PROGRAM),
        ("660103", "活动费用", _DEBIT, (Dimension.PROGRAM, Dimension.DEPARTMENT)),
        ("660104", "套餐补贴", _DEBIT, _AGENT),
        ("6602", "管理费用", _DEBIT, ()),
        ("6603", "财务费用", _DEBIT, ()),
    ),
    Standard.SMALL_BUSINESS: (
        ("1001", "库存现金", _DEBIT, ()),
        ("1002", "银行存款", _DEBIT, ()),
        ("100201", "基本户", _DEBIT, ()),
        ("1012", "其他货币资金", _DEBIT, ()),
        ("1122", "应收账款", _DEBIT, ()),
        ("1123", "预付账款", _DEBIT, ()),
        ("1221", "其他应收款", _DEBIT, ()),
        ("2202", "应付账款", _CREDIT, ()),
        ("2203", "预收账款", _CREDIT, ()),
        ("220301", "客户权益", _CREDIT, _PROGRAM),
        ("2211", "应付职工薪酬", _CREDIT, ()),
        ("2221", "应交税费", _CREDIT, ()),
        ("222101", "代扣个人所得税", _CREDIT, ()),
        ("2241", "其他应付款", _CREDIT, ()),
        ("224101", "代理商佣金", _CREDIT, _AGENT),
        ("224102", "客户权益", _CREDIT, (Dimension.AGENT, Dimension.PROGRAM)),
        ("224103", "在途付款", _CREDIT, _AGENT),
        ("3001", "实收资本", _CREDIT, ()),
        ("3103", "本年利润", _CREDIT, ()),
        ("3104", "利润分配", _CREDIT, ()),
        ("5001", "主营业务收入", _CREDIT, ()),
        ("500101", "销售收入", _CREDIT, ()),
        ("500102", "客户权益抵减", _CREDIT, _PROGRAM),
        ("5401", "主营业务成本", _DEBIT, ()),
        ("5601", "销售费用", _DEBIT, ()),
        ("560101", "渠道佣金", _DEBIT, _AGENT),
        ("560102", "客户权益", _DEBIT, _PROGRAM),
        ("560103", "活动费用", _DEBIT, (Dimension.PROGRAM, Dimension.DEPARTMENT)),
        ("560104", "套餐补贴", _DEBIT, _AGENT),
        ("5602", "管理费用", _DEBIT, ()),
        ("5603", "财务费用", _DEBIT, ()),
        ("560301", "汇兑损益", _DEBIT, ()),
    ),
}

_KINDS: Final[Mapping[AccountKind, tuple[str, str]]] = {
    AccountKind.EXPENSE: ("660103", "560103"),
    AccountKind.EXCHANGE: ("6061", "560301"),
    AccountKind.COMMISSION_COST: ("660101", "560101"),
    AccountKind.COMMISSION: ("224101", "224101"),
    AccountKind.PAYOUT: ("224103", "224103"),
    AccountKind.BANK: ("100201", "100201"),
    AccountKind.WITHHELD_TAX: ("222101", "222101"),
    AccountKind.PLAN_RECEIVABLE: ("1122", "1122"),
    AccountKind.PLAN_REVENUE: ("600101", "500101"),
    AccountKind.PLAN_SPONSORED: ("660104", "560104"),
}
"""By ledger kind, where it is posted by the enterprise's chart and by the small business's."""

_TREATED: Final[Mapping[Treatment, tuple[tuple[str, str], tuple[str, str]]]] = {
    Treatment.SELLING_EXPENSE: (("660102", "560102"), ("660102", "560102")),
    Treatment.REVENUE_REDUCTION: (("600102", "500102"), ("600102", "500102")),
    Treatment.CONTRACT_LIABILITY: (("600102", "500102"), ("220501", "220301")),
}
"""Where a program's money comes from, and what of it may still be promised.

Where both are one account, funding is in no voucher, and what is used stands there.
"""
_PROMISED: Final = ("224102", "224102")


def accounts(standard: Standard) -> list[ChartAccount]:
    """Give the accounts that a standard's chart begins with."""
    categories = _CATEGORIES[standard]
    return [
        ChartAccount(
            code=code, name=name, category=categories[code[0]], side=side, wants=list(wants)
        )
        for code, name, side, wants in _ROWS[standard]
    ]


def postings(standard: Standard) -> dict[AccountKind, str]:
    """Give where each ledger kind is posted at first; benefits are a selling expense."""
    of = 0 if standard is Standard.ENTERPRISE else 1
    return {
        **treated(standard, Treatment.SELLING_EXPENSE),
        **{kind: codes[of] for kind, codes in _KINDS.items()},
    }


def treated(standard: Standard, treatment: Treatment) -> dict[AccountKind, str]:
    """Give where a program is posted by a treatment of its benefits."""
    of = 0 if standard is Standard.ENTERPRISE else 1
    funding, budget = _TREATED[treatment]
    return {
        AccountKind.FUNDING: funding[of],
        AccountKind.BUDGET: budget[of],
        AccountKind.ISSUED: _PROMISED[of],
    }
