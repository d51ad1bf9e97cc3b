"""What both sides look at in reconciliation, each below its own address."""

from typing import Any
from uuid import UUID

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from partner_portal.reconciliation import drawing
from partner_portal.rendering import AnyRequest, TheRenderer
from server.access.edge import CurrentActor
from server.kit import clock
from server.kit.sheets import CSV
from server.kit.sheets import answer as answered
from server.reconciliation import exports
from server.reconciliation.schemas import Viewer


def looks(side: Viewer) -> list[HTTPRouteHandler]:
    """Make the pages and sheets of one side; they show the same, seen from where it stands."""
    base = drawing.BASES[side]
    of_file = f"{base}/files/{{file_id:uuid}}"

    @get(base)
    async def home(
        request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
    ) -> Response[Any]:
        """Show what is open by kind, what is asked, and the files, the newest month first."""
        return await drawing.home(request, actor, renderer, side)

    @get(of_file)
    async def file(
        request: AnyRequest, actor: CurrentActor, renderer: TheRenderer, file_id: FromPath[UUID]
    ) -> Response[Any]:
        """Show a file: how far it has come, or what came of it."""
        return await drawing.file(request, actor, renderer, side, file_id)

    @get(f"{of_file}/rejected.csv", media_type=CSV)
    async def rejected(actor: CurrentActor, file_id: FromPath[UUID]) -> Stream:
        """Give the cells that could not be read."""
        blocks = await exports.rejected(actor, side, file_id, now=clock.now())
        return answered(blocks, "rejected.csv")

    @get(f"{of_file}/differences.csv", media_type=CSV)
    async def differences_file(actor: CurrentActor, file_id: FromPath[UUID]) -> Stream:
        """Give how a file differs, also what is settled."""
        blocks = await exports.differences(actor, side, file_id, now=clock.now())
        return answered(blocks, "differences.csv")

    @get(f"{base}/differences")
    async def differences(
        request: AnyRequest, actor: CurrentActor, renderer: TheRenderer
    ) -> Response[Any]:
        """List differences of a group, an agent or a file, or all."""
        return await drawing.differences(request, actor, renderer, side)

    @get(f"{base}/differences/{{exception_id:uuid}}")
    async def difference(
        request: AnyRequest,
        actor: CurrentActor,
        renderer: TheRenderer,
        exception_id: FromPath[UUID],
    ) -> Response[Any]:
        """Show one difference side by side."""
        return await drawing.difference(request, actor, renderer, side, exception_id)

    return [home, file, rejected, differences_file, differences, difference]
