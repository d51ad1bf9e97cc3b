"""Show the kit. What stands here is invented and belongs to nobody."""

from typing import Any

import msgspec
from litestar import get
from litestar.response import Response

from partner_portal.figures import Step, funnel, spreads
from partner_portal.navigation import Item
from partner_portal.rendering import AnyRequest, TheRenderer, language_of
from partner_portal.words import catalogue


class Pretender(msgspec.Struct, frozen=True):
    """Somebody in whose name the frame of the gallery is drawn."""

    name: str = "李敏"
    role: str = "sales_manager"
    is_platform: bool = False


class Row(msgspec.Struct, frozen=True):
    """A line of the sample list."""

    name: str
    status: str
    city: str
    owner: str
    amount_minor: int


_ROWS = [
    Row("江阴海澜配送", "intent", "无锡 江阴", "赵磊", 4_200_000),
    Row("太仓中集物流", "potential", "苏州 太仓", "李敏", 3_600_000),
    Row("昆山富士电线", "need", "苏州 昆山", "陈晓", 1_860_000),
    Row("常州天合塑业", "signed", "常州 新北", "周倩", 3_150_000),
    Row("吴中生物医药港", "dormant", "苏州 吴中", "孙悦", 7_200_000),
]
_COUNTS = {"potential": 1284, "need": 796, "intent": 382, "signed": 186}


@get("/_ui", opt={"exclude_from_auth": True}, include_in_schema=False, sync_to_thread=False)
def gallery(request: AnyRequest, renderer: TheRenderer) -> Response[str]:
    """Draw every component once."""
    words = catalogue(language_of(request))
    steps = [Step(words.say(f"status.{name}"), n, f"{n:,}") for name, n in _COUNTS.items()]
    shown: dict[str, Any] = {
        "actor": Pretender(),
        "organisation": "恒信数码",
        "navigation": [
            Item("/_ui", "building-2", "nav.customers", "nav.customers", is_current=True),
            Item("/_ui#list", "gift", "nav.benefits", "nav.benefits"),
            Item("/_ui#fields", "file-up", "nav.imports", "nav.imports_short"),
            Item("/_ui#events", "eye", "nav.reads", "nav.reads_short"),
        ],
        "actions": [],
        "searches": True,
        "rows": _ROWS,
        "drawing": funnel(steps),
        "spreads": spreads([(10, 30, 60), (-20, 40, 80)]),
    }
    return renderer.page(request, "gallery/templates/gallery.html", **shown)
