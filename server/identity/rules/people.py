"""People: which roles belong where, and what may change of a person."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from server.access import (
    ROLE_PERMISSIONS,
    Actor,
    Permission,
    Role,
    Scope,
    ensure,
    reads_records,
)
from server.identity.rules.standing import NotYours
from server.identity.schemas import UserChange
from server.kit.errors import Conflict, Invalid
from server.kit.text import cleaned

AGENT_ROLES: Final = frozenset({Role.AGENT_OWNER, Role.SALES_MANAGER, Role.SALES_REP, Role.ANALYST})
STAFF_ROLES: Final = frozenset({Role.PLATFORM_OPERATOR, Role.PLATFORM_FINANCE})


class RoleUnfit(Invalid):
    """This role does not belong into this company."""

    code = "role_unfit"


class ScopeUnfit(Invalid):
    """This scope needs a team."""

    code = "scope_unfit"


class NoSuchTeam(Invalid):
    """The company has no such team."""

    code = "no_such_team"


class HoldsNoRecords(Conflict):
    """People of this role hold no records, so they have no device."""

    code = "holds_no_records"


class NameMissing(Invalid):
    """A person needs a name."""

    code = "name_missing"


class LastOwner(Conflict):
    """A company keeps at least one owner."""

    code = "last_owner"


class Person(msgspec.Struct, frozen=True):
    """What may change of a person."""

    id: UUID
    role: Role
    team_id: UUID | None
    scope: Scope
    name: str
    disabled_at: datetime | None


def changed(held: Person, change: UserChange) -> Person:
    """Give the person as it will be."""
    fields = {
        field: value
        for field in ("name", "role", "team_id", "scope")
        if (value := getattr(change, field)) is not msgspec.UNSET
    }
    new = msgspec.structs.replace(held, **fields)
    ensure_agent_role(new.role)
    ensure_scope(new.scope, new.team_id)
    return msgspec.structs.replace(new, name=ensure_name(cleaned(new.name, "name")))


def ensure_name(name: str) -> str:
    """Refuse an empty name."""
    if not name:
        raise NameMissing("Give a name.", field="name")
    return name


def ensure_agent_role(role: Role) -> None:
    """Refuse the roles of the platform's staff inside an agent company."""
    if role not in AGENT_ROLES:
        raise RoleUnfit("Choose owner, manager, rep or analyst.", field="role")


def ensure_may_invite(actor: Actor, role: Role, scope: Scope, team_id: UUID | None) -> None:
    """Refuse a manager who invites anybody but a rep of the own team.

    :raises NotYours: an owner does that.
    """
    if Permission.USERS_MANAGE in ROLE_PERMISSIONS[actor.role]:
        return
    ensure(actor, Permission.USERS_INVITE)
    is_own_rep = role is Role.SALES_REP and team_id is not None and team_id == actor.team_id
    if not is_own_rep or scope is Scope.TENANT:
        raise NotYours("A manager invites reps of the own team; ask an owner for anybody else.")


def ensure_holds_records(role: Role) -> None:
    """Refuse a device for somebody who may hold nothing on it."""
    if not reads_records(role):
        raise HoldsNoRecords("An analyst works in the browser; a device would hold records.")


def ensure_owner(role: Role) -> None:
    """Refuse anybody but an owner as the first person of a company."""
    if role is not Role.AGENT_OWNER:
        raise RoleUnfit("The first person of a company is its owner.", field="role")


def ensure_staff_role(role: Role) -> None:
    """Refuse the roles of agents among the platform's staff."""
    if role not in STAFF_ROLES:
        raise RoleUnfit("Choose platform operator or platform finance.", field="role")


def ensure_scope(scope: Scope, team_id: UUID | None) -> None:
    """Refuse a team's view without a team."""
    if scope is Scope.TEAM and team_id is None:
        raise ScopeUnfit("Who sees a team's customers belongs to a team.", field="scope")


def ensure_other_owner(owners: set[UUID], user_id: UUID) -> None:
    """Refuse to take away the last owner."""
    if owners <= {user_id}:
        raise LastOwner("Make somebody else owner first; a company keeps at least one.")
