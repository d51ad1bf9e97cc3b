"""Decide who writes a tag: the person who answers for it, and managers. Pure."""

from collections.abc import Mapping
from typing import Any

from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.kit.errors import Forbidden


class NotYourTag(Forbidden):
    """A tag is changed and retired by who answers for it, and by managers."""

    code = "not_your_tag"


def may_write(actor: Actor, owner_id: object) -> bool:
    """Say whether somebody changes or retires a tag for which this person answers."""
    allowed = ROLE_PERMISSIONS[actor.role]
    if Permission.FIELDS_MANAGE in allowed:
        return True
    return Permission.CUSTOMERS_WRITE in allowed and str(actor.user_id) == str(owner_id)


def ensure_may_write(actor: Actor, owner_id: object) -> None:
    """Refuse whoever would write a tag that is somebody else's.

    :raises NotYourTag: ask its owner or a manager.
    """
    if not may_write(actor, owner_id):
        raise NotYourTag("Somebody else answers for this tag; ask its owner or a manager.")


def allow(actor: Actor, before: Mapping[str, Any] | None, _after: Mapping[str, Any]) -> None:
    """Let everybody make new tags, and those write one who may.

    :raises NotYourTag: ask its owner or a manager.
    """
    if before is not None:
        ensure_may_write(actor, before["owner_id"])
