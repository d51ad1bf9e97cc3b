"""What the operator's machinery asks: is the process alive, is it ready, what has it counted."""

import ipaddress
from typing import Any, Final

import asyncpg
from litestar import Request, Response, Router, get

from server.kit import db, metrics, outbox
from server.kit.edge import Drain
from server.kit.errors import NotFound, Unavailable

_PROXIED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")


class NotReady(Unavailable):
    """This process is stopping, or its database is away; another one may serve."""

    code = "not_ready"


@get("/livez", sync_to_thread=False, media_type="text/plain")
def livez() -> str:
    """Say that the process answers; no more."""
    return "alive"


@get("/readyz", media_type="text/plain")
async def readyz(request: Request[Any, Any, Any]) -> str:
    """Say whether this process should get requests.

    :raises NotReady: while it drains, or when the database is away.
    """
    drain: Drain = request.app.state.drain
    if drain.is_begun:
        raise NotReady("This process is stopping; another one serves.", retry_after_s=1)
    try:
        async with db.global_transaction():
            await db.connection().execute("SELECT 1", timeout=2)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, db.DoorMisused) as error:
        raise NotReady("The database cannot be reached.", retry_after_s=1) from error
    return "ready"


@get("/metrics")
async def show_metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Show the metrics to the machine's own network; there is nothing here for anybody else."""
    if not _is_local(request):
        raise NotFound
    await _observe()
    return Response(metrics.render(), headers={"content-type": metrics.CONTENT_TYPE})


def _is_local(request: Request[Any, Any, Any]) -> bool:
    """Say whether the question comes from inside: through no proxy, from no public address."""
    if any(request.headers.get(name) for name in _PROXIED):
        return False
    if request.client is None:
        return True
    try:
        return ipaddress.ip_address(request.client.host).is_private
    except ValueError:
        return False


async def _observe() -> None:
    """Read what is not counted as it happens."""
    pool = db.ENGINE.pool
    if pool is not None:
        metrics.POOL_SIZE.set(pool.get_size())
        metrics.POOL_IN_USE.set(pool.get_size() - pool.get_idle_size())
    metrics.OUTBOX_WAITING.set(await outbox.pending())


router = Router(
    "/",
    route_handlers=[livez, readyz, show_metrics],
    include_in_schema=False,
    opt={"exclude_from_auth": True},
)
