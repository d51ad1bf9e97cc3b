"""Whose phones are hidden from whom, and what is shown in their place. Pure.

A person under the mask sees the phones of customers that are not their own by their ends alone. A
number may also stand in a custom field of that type, and as somebody's WeChat id.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from server.access import Actor
from server.access.hidden import PhoneHidden, ensure_within_quota, in_text, numbers_in
from server.kit.errors import Invalid
from sync_protocol.schema import CustomType
from sync_protocol.schema.custom import is_custom, type_of

ViewT = TypeVar("ViewT", bound=msgspec.Struct)

_HIDDEN_MIN: Final = 3
"""So many digits of a phone are hidden at least."""
_NUMBER: Final = re.compile(r"\+?\d[\d\s-]{5,}\d")
"""What may be dialled."""
_OWNER: Final = "owner_id"


class ReasonMissing(Invalid):
    """The company wants to know why a phone is looked at."""

    code = "reason_missing"


def hides(actor: Actor, owner_id: UUID | str | None) -> bool:
    """Say whether the phones of a customer of this owner are hidden from the actor."""
    return actor.masks_phones and str(owner_id) != str(actor.user_id)


def masked(phone: str | None) -> str | None:
    """Hide the middle of a phone: what is left tells two apart and lets nobody call.

    >>> masked("+8613812345678")
    '+86138****5678'
    """
    if phone is None:
        return None
    shown = 6 if phone.startswith("+86") else 3
    is_long = len(phone) >= shown + _HIDDEN_MIN + 4
    return f"{phone[:shown]}****{phone[-4:]}" if is_long else "****"


def is_phone(field: str) -> bool:
    """Say whether a field is a phone: our own, or one that the company made."""
    return field == "phone" or (is_custom(field) and type_of(field) is CustomType.PHONE)


def value(field: str, held: Any) -> Any:
    """Give what is shown of a field's value to somebody under the mask."""
    is_number = is_phone(field) or (field == "wechat" and _NUMBER.fullmatch(str(held or "")))
    return masked(held) if is_number and isinstance(held, str) else held


def numbers(field: str, held: Any) -> list[str]:
    """Give the numbers that `shown` hides of a field's value."""
    if value(field, held) != held:
        return [held]
    return numbers_in(held) if isinstance(held, str) else []


def shown(field: str, held: Any) -> Any:
    """Give the same, with the numbers hidden that somebody typed into a text."""
    of_field = value(field, held)
    return in_text(of_field) if isinstance(of_field, str) else of_field


def view(actor: Actor, owner_id: UUID | None, found: ViewT) -> ViewT:
    """Give a view of a record of a customer of this owner as the actor may see it."""
    return _shown(found) if hides(actor, owner_id) else found


def _shown(found: ViewT) -> ViewT:
    """Hide the numbers of a view, and of what lies within it."""
    fields: dict[str, Any] = {}
    for name in found.__struct_fields__:
        held = getattr(found, name)
        if type(held) is str:
            fields[name] = shown(name, held)
        elif isinstance(held, dict):
            fields[name] = {each: shown(each, value) for each, value in held.items()}
        elif isinstance(held, list):
            fields[name] = [
                _shown(each) if isinstance(each, msgspec.Struct) else each for each in held
            ]
    return msgspec.structs.replace(found, **fields)


def unmasked(actor: Actor) -> Actor:
    """Give the actor as one who sees numbers in full: for what is written, and not shown."""
    return msgspec.structs.replace(actor, masks_phones=False)


def change(field: str, kind: str, patch: Mapping[str, Any]) -> tuple[Any, Any]:
    """Give old and new value of a field in a history, for somebody under the mask.

    :param patch: the whole line of a conflict, which says of which field its values are.
    """
    named = field
    if kind == "conflict" and field in {"kept", "other"}:
        named = str((patch.get("field") or [None, ""])[1] or "phone")
    old, new = patch[field]
    return shown(named, old), shown(named, new)


def ensure_sees(actor: Actor, owner_id: UUID | str | None) -> None:
    """Refuse to work with a phone that is hidden.

    :raises PhoneHidden: reveal it first.
    """
    if hides(actor, owner_id):
        raise PhoneHidden("This customer's numbers are hidden from you; reveal them to call.")


def ensure_may_write(actor: Actor, owner_id: UUID | str | None, fields: Iterable[str]) -> None:
    """Refuse a phone that would be written over one that its writer does not see.

    :raises PhoneHidden: naming the field.
    """
    blind = sorted(field for field in fields if is_phone(field) or field == "wechat")
    if blind and hides(actor, owner_id):
        raise PhoneHidden(
            "This customer's numbers are hidden from you; ask its owner to change them.",
            field=blind[0],
        )


def ensure_may_take(actor: Actor, owner_id: UUID | str | None, fields: Mapping[str, Any]) -> None:
    """Refuse somebody under the mask to make a customer their own, whose phones then lie open.

    :param fields: what is written of the customer.
    :raises PhoneHidden: an owner of the company assigns it.
    """
    is_taken = str(fields.get(_OWNER)) == str(actor.user_id)
    if is_taken and hides(actor, owner_id):
        raise PhoneHidden(
            "Its numbers are hidden from you, so you cannot take it over; let an owner assign it.",
            field=_OWNER,
        )


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How phones are revealed in a company."""

    reveals_per_day: int | None = None
    """Of how many customers a person; None is no limit."""
    wants_reason: bool = False


def ensure_may_reveal(terms: Terms, *, revealed_today: int, reason: str) -> None:
    """Refuse a reveal without the reason that is wanted, or beyond the day's quota.

    :raises ReasonMissing: naming the field.
    :raises RevealQuotaReached: as many were shown today as may be.
    """
    if terms.wants_reason and not reason:
        raise ReasonMissing("Say why you look; the customer's owner can read it.", field="reason")
    ensure_within_quota(terms.reveals_per_day, revealed_today)
