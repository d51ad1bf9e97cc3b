"""When the server last heard from a device that had nothing to send.

What a device made offline was made after that, whatever its clocks say. A device says with each
request how much waits on it to be sent; while anything does, its earlier moment stays, since what
waits may be older than the request. Who says nothing has nothing waiting: a device that means to
keep an earlier moment says so, and that is seen.

Written down once a minute at the most, and at once before an answer from which a device could
learn what it had better have said before.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from server.access import Actor
from server.kit import db
from server.kit.remembered import Remembered

WAITING: Final = b"tonglu-waiting"
"""The header in which a device says how many ops wait on it."""
_NEWS: Final = timedelta(minutes=1)
_LATELY: Final[Remembered[bool]] = Remembered(_NEWS, size_max=20_000)
_HEARD: Final = """
UPDATE device SET heard_at = greatest(heard_at, $3::timestamptz)
WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL
"""
_IF_IDLE: Final = f"""
{_HEARD} AND id = (
    SELECT id FROM device WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE SKIP LOCKED
)
"""  # noqa: S608 - constants of this file
"""While a push holds the device, nobody waits for it only to write this down."""


async def hear(actor: Actor, waiting: bytes, *, is_telling: bool, now: datetime) -> None:
    """Note that a device has asked for something, if nothing waits on it.

    :param waiting: how many ops do, as it says in its header; empty where it says nothing.
    :param is_telling: the answer would help whoever could date something back.
    """
    if actor.device_id is None or waiting.strip() not in {b"", b"0"}:
        return
    key: tuple[UUID, UUID] = (actor.tenant_id, actor.device_id)
    if not is_telling and _LATELY.get(key, now=now):
        return
    async with db.tenant_transaction(actor.tenant_id):
        status = await db.connection().execute(_HEARD if is_telling else _IF_IDLE, *key, now)
    if status.endswith(" 1"):
        _LATELY.put(key, value=True, now=now)
