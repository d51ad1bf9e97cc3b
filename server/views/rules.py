"""Decide about saved views: who sees one, who may change it, with whom it may be shared. Pure."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from server.access import ROLE_PERMISSIONS, Actor, Permission
from server.kit.errors import Conflict, Forbidden, Invalid

VIEWS_MAX: Final = 100
"""So many views one person keeps."""


class Audience(StrEnum):
    """Who finds a view among theirs."""

    OWN = "own"
    TEAM = "team"
    """The team of whoever made it."""
    TENANT = "tenant"
    """Everybody of the company."""


class AudienceUnfit(Invalid):
    """A view cannot be shared with these people by this person."""

    code = "audience_unfit"


class TooManyViews(Conflict):
    """The person keeps as many views as one may."""

    code = "too_many_views"


class NotYourView(Forbidden):
    """Somebody else made the view."""

    code = "not_your_view"


def ensure_audience(actor: Actor, audience: Audience) -> None:
    """Refuse to share with a team that one has not, or with a company that one does not lead.

    :raises AudienceUnfit: naming the field.
    """
    if audience is Audience.TEAM and actor.team_id is None:
        raise AudienceUnfit("You have no team to share with.", field="audience")
    leads = Permission.USERS_INVITE in ROLE_PERMISSIONS[actor.role]
    if audience is Audience.TENANT and not leads:
        raise AudienceUnfit(
            "Managers share views with the company; share it with your team.", field="audience"
        )


def ensure_may_change(actor: Actor, made_by: UUID) -> None:
    """Refuse to change somebody else's view, but for an owner of the company.

    :raises NotYourView: make one of your own.
    """
    is_owner = Permission.USERS_MANAGE in ROLE_PERMISSIONS[actor.role]
    if actor.user_id != made_by and not is_owner:
        raise NotYourView("Somebody else made this view; save one of your own.")
