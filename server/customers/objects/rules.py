"""Decide what a custom object may be, and who writes its records. Pure.

An object is archived and never deleted, so what was written into its records stays.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.customers.objects.schemas import ObjectView
from server.kit.errors import Conflict, Forbidden, Invalid
from server.kit.text import clean

OBJECTS_MAX: Final = 30
"""Custom objects of a company, archived ones among them."""
_NAMES: Final = ("name_zh", "name_en")


class TooManyCustomObjects(Conflict):
    """The company has as many custom objects as it may have."""

    code = "too_many_custom_objects"


class CustomObjectUnnamed(Invalid):
    """A custom object needs a name, a meaning and a title that a person can read."""

    code = "custom_object_unnamed"


class CustomObjectNameTaken(Conflict):
    """Another custom object is called so."""

    code = "custom_object_name_taken"


class CustomObjectArchived(Conflict):
    """The object was archived: its records stay, and nobody makes new ones."""

    code = "custom_object_archived"


class RecordsOfManagers(Forbidden):
    """Managers alone write the records of this object."""

    code = "records_of_managers"


def ensure_room(count: int) -> None:
    """Refuse one object more than there may be.

    :raises TooManyCustomObjects: change one, or take an archived one back up.
    """
    if count >= OBJECTS_MAX:
        detail = f"There are {OBJECTS_MAX} custom objects; change one, or take one back up."
        raise TooManyCustomObjects(detail)


def ensure_possible(wanted: Mapping[str, Any], others: Iterable[ObjectView]) -> None:
    """Refuse what makes no object.

    :param wanted: the fields of its record.
    :raises CustomObjectUnnamed: it says nothing.
    :raises CustomObjectNameTaken: another one is called so.
    """
    for field in ("name_zh", "meaning", "title_zh"):
        if not clean(wanted[field] or ""):
            detail = "Say what the object is called, what it means, and what its title is called."
            raise CustomObjectUnnamed(detail, field=field)
    taken = {name for each in others for name in (each.name_zh, each.name_en) if name}
    for field in _NAMES:
        if wanted[field] in taken:
            detail = "Another custom object is called so; choose another name."
            raise CustomObjectNameTaken(detail, field=field)


def ensure_in_use(held: ObjectView) -> None:
    """Refuse a new record of what was archived, where a person is in front of it.

    :raises CustomObjectArchived: take it back up first.
    """
    if held.state == "archived":
        detail = "This object was archived; take it back up to add records."
        raise CustomObjectArchived(detail, field="object_id")


def may_write(actor: Actor, writers: str) -> bool:
    """Say whether somebody writes the records of an object that these write."""
    return writers != "managers" or Permission.FIELDS_MANAGE in ROLE_PERMISSIONS[actor.role]


def ensure_may_write(actor: Actor, held: Mapping[str, Any]) -> None:
    """Refuse to write a record of an object that managers write.

    :param held: the fields of the object's record.
    :raises RecordsOfManagers: ask one of them.
    """
    if not may_write(actor, held["writers"]):
        raise RecordsOfManagers("Managers write these records; ask one of them.")
