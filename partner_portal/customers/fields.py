"""What a customer's fields look like on a page: their order, icon and kind of input."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from partner_portal import forms
from server.kit.errors import Invalid

STATUSES: Final = ("potential", "need", "intent", "signed", "dormant", "lost")
LEVELS: Final = ("A", "B", "C", "D")
_MOBILE: Final = re.compile(r"\A\+861\d{10}\Z")


class Input(StrEnum):
    """How a value is given."""

    LINE = "line"
    """One line of text."""
    PHONE = "phone"
    """A telephone number."""
    MONEY = "money"
    """Yuan, kept as fen."""
    STATUS = "status"
    """One of the statuses."""
    LEVEL = "level"
    """One of the levels."""
    OWNER = "owner"
    """One of the company's people."""
    ROLE = "role"
    """What somebody is to a purchase."""
    STANCE = "stance"
    """Where somebody stands to us."""
    AREA = "area"
    """Several lines of text."""


class Field(msgspec.Struct, frozen=True):
    """One field on the page."""

    name: str
    icon: str
    input: Input = Input.LINE
    is_required: bool = False
    is_whole: bool = False
    max_length: int = 100


CUSTOMER: Final = (
    Field("name", "building-2", is_required=True, is_whole=True, max_length=200),
    Field("status", "circle-dot", Input.STATUS),
    Field("level", "layers", Input.LEVEL),
    Field("phone", "phone", Input.PHONE, max_length=40),
    Field("uscc", "badge-check", max_length=18),
    Field("industry", "factory"),
    Field("source", "sparkles"),
    Field("city", "map-pin"),
    Field("district", "map-pin"),
    Field("expected_revenue_minor", "banknote", Input.MONEY),
    Field("owner_id", "user-check", Input.OWNER),
    Field("address", "store", is_whole=True, max_length=500),
    Field("remark", "notebook-pen", Input.AREA, is_whole=True, max_length=5000),
)
BY_NAME: Final[Mapping[str, Field]] = {field.name: field for field in CUSTOMER}

CONTACT: Final = (
    Field("name", "user", is_required=True),
    Field("title", "badge-check"),
    Field("role", "users", Input.ROLE),
    Field("stance", "circle-dot", Input.STANCE),
    Field("phone", "phone", Input.PHONE, max_length=40),
    Field("email", "mail", max_length=200),
    Field("wechat", "message-square"),
    Field("remark", "notebook-pen", is_whole=True, max_length=500),
)

STORE: Final = (
    Field("name", "store", is_required=True),
    Field("phone", "phone", Input.PHONE, max_length=40),
    Field("city", "map-pin"),
    Field("district", "map-pin"),
    Field("address", "map-pin", is_whole=True, max_length=500),
)

SPOKEN: Final[Mapping[str, Field]] = {field.name: field for field in (*STORE, *CONTACT, *CUSTOMER)}
"""Every field by name, as its values are read aloud."""


class NotANumber(ValueError):
    """What was typed as an amount is none."""


def read(field: Field, typed: str) -> Any:
    """Turn what was typed into the field's value; an empty text is no value.

    :raises NotANumber: for an amount that is none.
    """
    typed = typed.strip() if field.input is not Input.AREA else typed.strip("\n")
    if not typed:
        return None
    if field.input is Input.MONEY:
        try:
            return forms.fen(typed)
        except Invalid as error:
            raise NotANumber from error
    return typed


def typed(field: Field, value: Any) -> str:
    """Write a value as a person would type it; the inverse of `read`."""
    if value is None:
        return ""
    if field.input is Input.MONEY:
        yuan, fen = divmod(int(value), forms.FEN)
        return f"{yuan}.{fen:02d}" if fen else str(yuan)
    if field.input is Input.PHONE and _MOBILE.match(str(value)):
        return str(value).removeprefix("+86")
    return str(value)
