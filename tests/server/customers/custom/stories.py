"""Short ways to say what happens in the stories about custom fields."""

from typing import Any

from server.access import Actor
from server.customers.custom import service
from server.customers.custom.schemas import FieldView, NewField, OptionGiven
from tests.factories import NOW


async def field(actor: Actor, type_: str = "text", label: str = "", **more: Any) -> FieldView:
    """Add a custom field to customers, or to what `subject` says."""
    wanted = {
        "subject": "customer",
        "type": type_,
        "label_zh": label or f"自定义{type_}",
        "meaning": "拜访时问店主，写原话。",
        **({"decimals": 2} if type_ == "decimal" else {}),
        **more,
    }
    return await service.add(actor, NewField(**wanted), now=NOW)


async def choice(actor: Actor, *names: str, type_: str = "choice", **more: Any) -> FieldView:
    """Add a choice among these."""
    options = [OptionGiven(zh=name) for name in names]
    return await field(actor, type_, options=options, **more)
