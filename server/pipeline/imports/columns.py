"""What the columns of a deal are called, in files that come and go."""

from typing import Final

from server.imports.rules.columns import Vocabulary
from sync_protocol.process.gates import State

COLUMNS_ZH: Final = {
    "id": "商机编号(勿改)",
    "name": "商机名称",
    "customer_id": "客户编号(勿改)",
    "customer": "客户名称",
    "process": "流程",
    "stage": "阶段",
    "state": "状态",
    "amount_yuan": "金额(元)",
    "expected_on": "预计签约日",
    "forecast_category": "预测",
    "account_manager_id": "客户经理",
    "solution_manager_id": "方案经理",
    "fulfilment_manager_id": "交付经理",
    "competitor": "竞争对手",
    "lost_reason": "流失原因",
    "closed_on": "结束时间",
    "remark": "备注",
}
"""What a field is called in an export, before what only an export says."""
OF_CUSTOMER_ZH: Final = {"customer_uscc": "统一社会信用代码", "customer_phone": "客户电话"}
"""By what else a row says whose it is."""
TEMPLATE: Final = tuple(
    said for field, said in COLUMNS_ZH.items() if field not in {"id", "customer_id"}
)
"""The columns of the sheet that is handed out to be filled in."""
OF_CUSTOMER: Final = {
    "id": "customer_id",
    "name": "customer",
    "uscc": "customer_uscc",
    "phone": "customer_phone",
}
"""In which column a field of the customer stands."""
PEOPLE: Final = ("account_manager_id", "solution_manager_id", "fulfilment_manager_id")

STATES_ZH: Final = {State.OPEN: "在谈", State.WON: "已签约", State.LOST: "已流失"}
CATEGORIES_ZH: Final = {
    "commit": "承诺",
    "best": "乐观",
    "pipeline": "在谈",
    "omitted": "不计入",
}
LOST_REASONS_ZH: Final = {
    "price": "价格",
    "competitor": "选了竞争对手",
    "no_budget": "没有预算",
    "no_need": "没有需求",
    "timing": "时机不合适",
    "other": "其他",
}

VOCABULARY: Final = Vocabulary(
    {
        "id": ("商机编号(勿改)", "商机编号", "deal id", "opportunity id"),
        "name": (
            *("商机名称", "商机", "机会名称", "销售机会", "项目名称", "项目", "单子", "名称"),
            *("deal", "deal name", "opportunity", "opportunity name"),
        ),
        "customer_id": ("客户编号(勿改)", "客户编号", "customer id"),
        "customer": (
            *("客户名称", "客户名", "客户", "公司名称", "公司", "单位名称", "店名", "商户名称"),
            *("customer name", "company", "account", "account name"),
        ),
        "customer_uscc": ("统一社会信用代码", "信用代码", "税号", "credit code"),
        "customer_phone": (
            *("客户电话", "联系电话", "电话", "手机", "手机号", "手机号码", "电话号码"),
            *("phone", "mobile", "phone number"),
        ),
        "process": ("流程", "销售流程", "process name"),
        "stage": ("阶段", "商机阶段", "销售阶段", "所处阶段", "当前阶段", "deal stage"),
        "state": ("状态", "商机状态", "status", "deal state"),
        "amount_yuan": (
            *("金额(元)", "金额", "商机金额", "预计金额", "预计成交额", "预算", "合同金额"),
            *("amount", "value", "deal amount"),
        ),
        "expected_on": (
            *("预计签约日", "预计签约日期", "预计成交日期", "预计成交日", "预计签单日期"),
            *("预计签单时间", "预计成交时间", "预计日期", "expected date", "close date"),
        ),
        "forecast_category": ("预测", "预测类别", "forecast", "forecast category"),
        "account_manager_id": ("客户经理", "客户经理AR", "account manager"),
        "solution_manager_id": ("方案经理", "方案经理SR", "solution manager"),
        "fulfilment_manager_id": ("交付经理", "交付经理FR", "fulfilment manager"),
        "competitor": ("竞争对手", "竞品", "对手", "competition"),
        "lost_reason": ("流失原因", "输单原因", "丢单原因", "lost reason"),
        "closed_on": (
            *("结束时间", "结束日期", "流失日期", "输单日期", "丢单日期", "成交日期", "签约日期"),
            *("closed", "closed date", "closed on"),
        ),
        "remark": ("备注", "说明", "描述", "note", "notes", "comment", "description"),
    }
)
