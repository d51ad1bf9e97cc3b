"""What the columns of a price list are called, in files that come and go."""

from typing import Final

from server.imports.rules.columns import Vocabulary

COLUMNS_ZH: Final = {
    "id": "产品编号(勿改)",
    "code": "产品编码",
    "name": "产品名称",
    "unit": "单位",
    "tax": "税率(%)",
    "book": "价目表",
    "list_price": "标价",
    "floor_price": "底价",
}
"""What a field is called in the sheet that is handed out, and in an export."""

VOCABULARY: Final = Vocabulary(
    {
        "id": ("产品编号(勿改)", "product id"),
        "code": ("产品编码", "编码", "货号", "产品代码", "商品编码", "sku", "product code", "item"),
        "name": ("产品名称", "产品", "品名", "商品名称", "商品", "名称", "product", "product name"),
        "unit": ("单位", "计量单位", "uom"),
        "tax": ("税率(%)", "税率", "增值税率", "tax rate", "vat"),
        "book": ("价目表", "价格表", "价格体系", "price book", "price list"),
        "list_price": (
            "标价",
            "价格",
            "单价",
            "含税单价",
            "零售价",
            "目录价",
            "price",
            "list price",
        ),
        "floor_price": ("底价", "最低价", "最低售价", "限价", "floor", "floor price"),
    }
)
