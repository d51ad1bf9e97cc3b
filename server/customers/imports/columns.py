"""What people call the columns of a customer."""

from typing import Final

from server.imports.rules.columns import Vocabulary

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "id": ("客户编号(勿改)", "客户id"),
    "name": (
        *("客户名称", "客户名", "公司名称", "公司名", "企业名称", "单位名称", "单位", "名称"),
        *("店名", "门店名称", "商户名称", "客户", "公司", "企业"),
        *("customer name", "company", "company name", "customer", "account name", "business name"),
    ),
    "uscc": (
        *("统一社会信用代码", "社会信用代码", "信用代码", "税号", "纳税人识别号"),
        *("营业执照号", "统一代码", "credit code", "tax number", "tax id"),
    ),
    "phone": (
        *("手机", "手机号", "手机号码", "电话", "电话号码", "联系电话", "联系方式", "客户电话"),
        *("联系手机", "固定电话", "座机", "mobile", "tel", "telephone"),
        *("phone number", "mobile number", "mobile phone", "cell phone"),
    ),
    "city": ("城市", "所在城市", "地市", "市", "所属城市", "town"),
    "district": ("区县", "县区", "区", "所在区", "所在区县", "区域", "行政区"),
    "address": ("地址", "详细地址", "注册地址", "联系地址", "公司地址", "经营地址", "门店地址"),
    "industry": ("行业", "所属行业", "行业类别", "行业分类", "业态", "类别"),
    "status": ("状态", "客户状态", "阶段", "客户阶段", "跟进状态", "意向状态", "stage"),
    "level": ("等级", "级别", "客户等级", "客户级别", "评级", "客户分级", "grade"),
    "source": (
        *("来源", "客户来源", "渠道", "获客渠道"),
        *("线索来源", "来源渠道", "渠道来源", "channel"),
    ),
    "owner": ("负责人", "归属人", "所有者", "跟进人", "owner", "sales rep"),
    "owner_id": ("负责人编号",),
    "expected_revenue_yuan": (
        *("预计金额", "预计收入", "预计成交额", "预计成交金额", "意向金额", "预计金额(元)"),
        *("expected revenue", "revenue", "amount"),
    ),
    "expected_revenue_minor": ("预计金额(分)",),
    "remark": ("备注", "说明", "备注信息", "备注说明", "备考", "note", "notes", "comment"),
    "tags": ("标签", "客户标签", "tag"),
    "contact_name": (
        "联系人",
        "联系人姓名",
        "客户联系人",
        "老板",
        "法人",
        "法定代表人",
        "contact",
        "contact person",
    ),
    "contact_phone": ("联系人电话", "联系人手机", "联系人手机号"),
    "contact_title": ("联系人职务", "职务", "职位"),
}
VOCABULARY: Final = Vocabulary(
    _NAMES, exact={"owner_id": "owner", "expected_revenue_minor": "expected_revenue_yuan"}
)
