"""Say in Chinese why a row of a sheet was not recorded, for the file in which it is given back."""

from collections.abc import Mapping
from typing import Final

from server.commissions.sheets.columns import SaleField

_REASONS: Final[Mapping[str, str]] = {
    "cell_unread": "内容不是这一列该填的，请核对。",
    "cell_empty": "这一列必须填写。",
    "digits_lost": "表格软件缩短了这个数，请先把该列设为文本再填写。",
    "amount_off_scale": "小数位太多，或由表格软件计算产生误差，请改为准确的数。",
    "amount_too_large": "金额为零，或超过一笔的上限。",
    "sold_negative": "金额不能为负；退款请另写一行，填写原单号，金额不带负号。",
    "currency_unexpected": "币种与佣金方案的币种不同。",
    "agent_unknown": "没有这个代理商，请填写它在平台上的名称，或在列对应中说明是哪一家。",
    "agent_ambiguous": "有多家代理商用这个名称，请填写全称或编号。",
    "refund_agent_differs": "原单号的销售不是这家代理商的，请核对。",
    "plan_unknown": "不知道是哪个佣金方案，请填写方案编号，或为整张表选择一个方案。",
    "row_kind_contradicts": "类型与原单号不符：退款要填原单号，销售不填。",
    "contract_ambiguous": "有多份合同用这个合同号，请填写合同的编号（ID）。",
    "text_too_long": "内容太长，请缩短。",
    "invalid": "日期应在 2000 年到 2099 年之间。",
    "commission_sale_ahead": "这一天还没有到，请填写成交的日期。",
    "no_plan_in_force": "这一天佣金方案还没有生效，请核对日期或方案。",
    "commission_sale_not_found": "账上没有原单号的这笔销售，请先记录销售。",
    "refund_too_large": "退款合计超过了原来的销售，请核对。",
    "commission_sale_alike": "账上已有相同的销售，确属另一笔请在上传时说明。",
    "commission_id_reused": "这个单号已经记录过，内容不同；如是另一笔，请换一个单号。",
    "commission_too_large": "佣金超过一笔的上限，请核对金额。",
    "commission_revenue_differs": "该方案按客户付款计佣，请不要另填客户付款，或填写相同的数。",
    "upline_circular": "上级代理商成环，请核对上级。",
}
"""By code, what the person is told."""
_COLUMNS: Final[Mapping[SaleField, str]] = {
    SaleField.REFERENCE: "单号",
    SaleField.SALE: "原单号",
    SaleField.KIND: "类型",
    SaleField.AGENT: "代理商",
    SaleField.ABOVE: "上级代理商",
    SaleField.PLAN: "佣金方案",
    SaleField.CONTRACT: "合同号",
    SaleField.DAY: "日期",
    SaleField.SOLD: "金额",
    SaleField.CURRENCY: "币种",
    SaleField.REVENUE: "客户付款",
    SaleField.REASON: "退款原因",
}


def reason(code: str) -> str:
    """Say why a cell was refused."""
    return _REASONS.get(code, "")


def column(field: SaleField) -> str:
    """Call a column."""
    return _COLUMNS[field]
