"""What the columns of custom records are called, in files that come and go."""

from typing import Final

from server.imports.rules.columns import Vocabulary

COLUMNS_ZH: Final = {
    "id": "记录编号(勿改)",
    "name": "客户名称",
    "object": "对象",
    "title": "标题",
    "store": "门店",
}
"""The columns of an export, before those of the object's own fields."""
TEMPLATE: Final = ("对象", "客户名称", "标题", "门店")
"""The columns of the sheet that is handed out to be filled in."""
VOCABULARY: Final = Vocabulary(
    {
        "id": ("记录编号(勿改)", "记录编号"),
        "name": ("客户名称", "客户名", "客户", "公司名称", "公司", "customer name", "customer"),
        "uscc": ("统一社会信用代码", "信用代码", "credit code"),
        "phone": ("客户电话", "联系电话"),
        "object": ("对象", "类型", "类别", "record type"),
        "title": ("标题", "记录名称"),
        "store": ("门店", "所在门店", "门店名称", "shop"),
    }
)
