"""What people call the columns of a lead."""

from typing import Final

from server.imports.rules.columns import Vocabulary

COLUMNS_ZH: Final = {
    "id": "线索编号(勿改)",
    "name": "名称",
    "contact_name": "联系人",
    "phone": "电话",
    "uscc": "统一社会信用代码",
    "city": "城市",
    "district": "区县",
    "industry": "行业",
    "need": "需求",
    "amount_yuan": "意向金额(元)",
    "amount_minor": "意向金额(分)",
    "source": "来源",
    "campaign": "活动",
}
"""What a field is called in the sheet that is handed out, and in an export."""

VOCABULARY: Final = Vocabulary(
    {
        "id": ("线索编号(勿改)", "线索编号", "线索id", "lead id"),
        "name": (
            *("线索名称", "线索", "客户名称", "客户名", "客户", "公司名称", "公司名", "公司"),
            *("企业名称", "企业", "单位名称", "单位", "店名", "门店名称", "商户名称", "名称"),
            *("lead name", "lead", "company", "company name", "customer name", "business name"),
        ),
        "contact_name": (
            *("联系人", "联系人姓名", "姓名", "称呼", "老板", "负责人", "法人", "法定代表人"),
            *("contact", "contact person", "contact name"),
        ),
        "phone": (
            *("手机", "手机号", "手机号码", "电话", "电话号码", "联系电话", "联系方式"),
            *("联系手机", "联系人电话", "联系人手机", "固定电话", "座机", "mobile", "tel"),
            *("telephone", "phone number", "mobile number", "mobile phone", "cell phone"),
        ),
        "uscc": (
            *("统一社会信用代码", "社会信用代码", "信用代码", "税号", "纳税人识别号"),
            *("营业执照号", "统一代码", "credit code", "tax number", "tax id"),
        ),
        "city": ("城市", "所在城市", "地市", "市", "所属城市", "town"),
        "district": ("区县", "县区", "区", "所在区", "所在区县", "区域", "行政区"),
        "industry": ("行业", "所属行业", "行业类别", "行业分类", "业态", "类别"),
        "need": (
            *("需求", "需求描述", "需求说明", "客户需求", "意向", "意向产品"),
            *("留言", "备注", "说明"),
            *("note", "notes", "message", "comment", "requirement"),
        ),
        "amount_yuan": (
            *("意向金额", "意向金额(元)", "预计金额", "预计成交额", "预算", "预算金额"),
            *("amount", "budget", "expected revenue"),
        ),
        "amount_minor": ("意向金额(分)",),
        "source": (
            *("来源", "线索来源", "来源渠道", "渠道来源"),
            *("渠道", "获客渠道", "channel", "lead source"),
        ),
        "campaign": ("活动", "市场活动", "营销活动", "活动名称", "campaign name"),
    },
    exact={"amount_minor": "amount_yuan"},
)
