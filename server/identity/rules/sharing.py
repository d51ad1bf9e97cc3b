"""Decide which lines of policy between the branches of a company there may be. Pure."""

from typing import Final
from uuid import UUID

from server.access import Sharing
from server.identity.schemas import NewSharing
from server.kit.errors import Invalid
from server.kit.text import clean

LINES_MAX: Final = 30
"""So many lines let one team see what others have; each is a part of its every question."""


class SharingUnfit(Invalid):
    """This cannot be a line of policy between two teams."""

    code = "sharing_unfit"


def line_of(line_id: UUID, new: NewSharing) -> Sharing:
    """Give a line as it is kept: each word once, in one order."""
    return Sharing(
        id=line_id,
        from_team_id=new.from_team_id,
        to_team_id=new.to_team_id,
        levels=tuple(sorted(set(new.levels))),
        cities=tuple(sorted({city for each in new.cities if (city := clean(each))})),
        tag_id=new.tag_id,
        parts=tuple(sorted(set(new.parts))),
        may_write=new.may_write,
    )


def ensure_teams(new: NewSharing, known: set[UUID]) -> None:
    """Refuse a line that is not between two teams of the company.

    :raises SharingUnfit: naming the field.
    """
    if new.from_team_id == new.to_team_id:
        raise SharingUnfit("A team sees its own customers already.", field="to_team_id")
    for field in ("from_team_id", "to_team_id"):
        if getattr(new, field) not in known:
            raise SharingUnfit("There is no such team.", field=field)


def ensure_room(lines: int) -> None:
    """Refuse one line more for a team than there may be.

    :param lines: with the new one.
    :raises SharingUnfit: some can be put together.
    """
    if lines > LINES_MAX:
        raise SharingUnfit(
            f"A team is let see by {LINES_MAX} lines at most; put some together.",
            field="to_team_id",
        )
