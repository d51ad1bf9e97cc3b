"""Read the times that forms send, which are of the channel's zone."""

from datetime import datetime

from partner_portal.formats import ZONE
from server.kit.errors import Invalid


def moment_of(text: str, field: str) -> datetime:
    """Read a day and a time.

    :raises Invalid: it is none.
    """
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZONE)
    except ValueError as error:
        raise Invalid("Choose a day and a time.", field=field) from error
