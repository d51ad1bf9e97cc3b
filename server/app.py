"""Put the rooms together into one application: routers, doors, refusals, limits, start and stop."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog
from litestar import Litestar, Request, Response, Router, route
from litestar.datastructures import State
from litestar.enums import HttpMethod, ScopeType
from litestar.middleware.base import ASGIMiddleware
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.types import (
    ASGIApp,
    ControllerRouterHandler,
    Message,
    Receive,
    RouteHandlerType,
    Scope,
    Send,
)
from litestar.types.internal_types import RouteHandlerMapItem
from typing_extensions import override

from server import health, openapi, self_check
from server.access import Actor
from server.accounting import routes as accounting
from server.activities import routes as activities
from server.agenda import routes as agenda
from server.attachments import place as attachment_place
from server.attachments import routes as attachments
from server.automation import routes as automation
from server.benefits import routes as benefits
from server.cases import routes as cases
from server.changelog import queries as changelog
from server.channel import routes as channel
from server.commissions import routes as commissions
from server.contracts import routes as contracts
from server.customers import routes as customers
from server.exits import routes as exits
from server.identity import edge as identity_edge
from server.identity import keys as identity_keys
from server.identity import routes as identity
from server.imports import routes as imports
from server.insights import routes as insights
from server.kit import attempts, db, divisions, live, logs, telemetry, version
from server.kit.bodies import CheckedRequest
from server.kit.buckets import Buckets, Rate
from server.kit.edge import Drain, Edge
from server.kit.errors import TooManyRequests, Unavailable
from server.leads import routes as leads
from server.notifications import routes as notifications
from server.partners import routes as partners
from server.pipeline import routes as pipeline
from server.plans import routes as plans
from server.problems import EXCEPTION_HANDLERS
from server.quality import routes as quality
from server.reconciliation import routes as reconciliation
from server.registrations import routes as registrations
from server.registrations.service import keeping
from server.relationships import routes as relationships
from server.requests import routes as requests
from server.sales import routes as sales
from server.settings import Settings
from server.statements import routes as statements
from server.sync import routes as sync
from server.sync import watermark
from server.takeout import routes as takeout
from server.tenants import routes as tenants
from server.views import routes as views

ROUTERS: Final[Sequence[Router]] = (
    tenants.router,
    identity.router,
    notifications.router,
    imports.router,
    customers.router,
    leads.router,
    activities.router,
    automation.router,
    pipeline.router,
    sales.router,
    contracts.router,
    registrations.router,
    cases.router,
    requests.router,
    relationships.router,
    agenda.router,
    quality.router,
    views.router,
    attachments.router,
    insights.router,
    sync.router,
    sync.merges,
    benefits.router,
    commissions.router,
    accounting.router,
    statements.router,
    reconciliation.router,
    plans.router,
    partners.router,
    partners.divisions_router,
    partners.own_router,
    exits.router,
    exits.own_router,
    channel.router,
    takeout.router,
)
"""The rooms' routers, all under /v1."""

HANDLER_LIMIT_S: Final = 10.0
"""How long a handler may take; `opt={"time_limit_s": None}` on a route that streams."""
BURST_S: Final = 4
"""How many seconds' worth of requests may come at once."""
_UNCONDITIONED: Final = nullcontext()

log = structlog.get_logger()


class TooSlow(Unavailable):
    """The request took longer than a handler may; nothing of it is known to be kept."""

    code = "too_slow"


class RateExceeded(TooManyRequests):
    """This person or company has sent too many requests in a short time."""

    code = "rate_exceeded"


def create_app(
    settings: Settings, *, more: Sequence[ControllerRouterHandler] = (), **litestar: Any
) -> Litestar:
    """Make the application that serves the API; pages are put on top through `more`.

    :param more: routers beside /v1, such as the portal's.
    :param litestar: further arguments of Litestar, such as a template configuration.
    """
    logs.configure(level=settings.log_level)
    telemetry.configure(settings)
    identity_keys.open_keys(settings)
    attachment_place.open_place(settings)
    divisions.read()
    drain = Drain()
    app = Application(
        [Router("/v1", route_handlers=ROUTERS), openapi.show, health.router, *more],
        middleware=[Gate(settings), *litestar.pop("middleware", ())],
        exception_handlers={**EXCEPTION_HANDLERS, **litestar.pop("exception_handlers", {})},
        dependencies={**identity_edge.DEPENDENCIES, **litestar.pop("dependencies", {})},
        request_class=CheckedRequest,
        request_max_body_size=settings.body_limit_bytes,
        openapi_config=None,
        lifespan=[_lifespan, *litestar.pop("lifespan", ())],
        state=State({"settings": settings, "drain": drain, "is_checked": False}),
        logging_config=None,
        **litestar,
    )
    app.asgi_handler = Edge(app.asgi_handler, drain, is_secure=settings.is_secure)
    return app


@route(
    http_method=HttpMethod.OPTIONS,
    include_in_schema=False,
    sync_to_thread=False,
    dto=None,
    return_dto=None,
)
def tell_methods(request: Request[Any, Any, Any]) -> Response[None]:
    """Say which methods an address takes."""
    template = request.scope["path_template"]
    methods = next(each.methods for each in request.app.routes if each.path_format == template)
    return Response(
        None, status_code=HTTPStatus.NO_CONTENT, headers={"Allow": ", ".join(sorted(methods))}
    )


class Application(Litestar):
    """Litestar without the plugins that it looks for by itself, and with one handler for OPTIONS.

    Looking loads pydantic, both versions of it, of which nothing here is made. Litestar makes a
    handler for OPTIONS for each address: half of all handlers, 4 MiB more than this.
    """

    @classmethod
    @override
    def get_route_handler_map(
        cls, value: "RouteHandlerType | Router"
    ) -> dict[str, RouteHandlerMapItem]:
        """Let one handler answer OPTIONS everywhere; it has no owner, so it stands at no door."""
        addresses = super().get_route_handler_map(value)
        return {path: {**handlers, "OPTIONS": tell_methods} for path, handlers in addresses.items()}

    @staticmethod
    @override
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        """Add what msgspec needs."""
        return [*plugins, MsgspecDIPlugin()]


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    """Open what the process needs; at the end finish what was begun, then close."""
    settings: Settings = app.state.settings
    drain: Drain = app.state.drain
    await db.open_database(settings)
    try:
        if not app.state.is_checked:
            await _ensure_safe()
        await live.HUB.open(settings.database_url, latest_seq=changelog.latest_seq)
        async with watermark.kept(settings.data_dir):
            log.info("server.started", version=version.installed())
            yield
            drain.begin()
            # Live feeds never end by themselves.
            live.HUB.end_subscriptions()
            if not await drain.finish(settings.drain_s):
                log.warning("server.drain-cut", in_flight=drain.in_flight)
    finally:
        await live.HUB.close()
        await db.close_database()
        log.info("server.stopped")


async def check(settings: Settings) -> None:
    """Look at the database before anything is served; for whoever starts several processes."""
    await db.open_database(msgspec.structs.replace(settings, pool_size=1))
    try:
        await _ensure_safe()
    finally:
        await db.close_database()


async def _ensure_safe() -> None:
    """Look at the database; the operator reads why it is refused above every trace."""
    try:
        await self_check.ensure_safe()
        await keeping.ensure_same_key()
    except (self_check.UnsafeDatabase, keeping.KeyChanged) as refused:
        sys.stderr.write(f"{refused}\n")
        raise


class Gate(ASGIMiddleware):
    """Stands before every route: who asks, not too often, and for no longer than a while.

    A middleware rather than guards: Litestar copies the handler for each guard, and runs one that
    does not await in a thread of its own.
    """

    def __init__(self, settings: Settings) -> None:
        self._rates = Rates(settings)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Serve within the limit of the route; a handler that is cut is rolled back.

        :raises Unauthenticated: when the route wants somebody and nobody asks.
        :raises RateExceeded: when somebody asks too often.
        :raises TooSlow: when the limit is reached before the answer has begun.
        """
        assert scope["type"] == ScopeType.HTTP, "there are no other routes"
        opt = scope["route_handler"].opt
        has_begun = False

        async def send_watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            async with asyncio.timeout(opt.get("time_limit_s", HANDLER_LIMIT_S)):
                entry = await identity_edge.authenticate(scope, receive, opt)
                if entry is not None:
                    self._rates.take(entry.actor)
                condition = entry.condition if entry is not None else None
                await attempts.run(
                    next_app, scope, receive, send_watched, under=condition or _UNCONDITIONED
                )
        except TimeoutError as error:
            log.warning("request.cut", method=scope["method"], route=scope["path_template"])
            if has_begun:
                raise
            raise TooSlow(
                "This took too long; send the same request again.", retry_after_s=1
            ) from error


class Rates:
    """Lets each person and each company make so many requests; counts in this process."""

    __slots__ = ("_tenants", "_users")

    def __init__(self, settings: Settings) -> None:
        user, tenant = settings.user_rate_per_s, settings.tenant_rate_per_s
        self._users = Buckets(Rate(burst=BURST_S * user, per_s=user))
        self._tenants = Buckets(Rate(burst=BURST_S * tenant, per_s=tenant))

    def take(self, actor: Actor) -> None:
        """Take a token from the person's and the company's bucket.

        :raises RateExceeded: saying in how many seconds to come again.
        """
        now_s = time.monotonic()
        wait_s = self._users.take((actor.user_id, actor.device_id), now_s=now_s)
        wait_s = wait_s or self._tenants.take(actor.tenant_id, now_s=now_s)
        if wait_s:
            raise RateExceeded(
                f"Too many requests; come again in {wait_s} s.", retry_after_s=wait_s
            )
