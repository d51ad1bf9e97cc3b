"""Batches over HTTP: an agent makes them, the platform approves them as they are."""

from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Stream

from server.access.edge import CurrentActor
from server.benefits.batches import exports, queries, service
from server.benefits.batches.schemas import (
    FILE_BYTES_MAX,
    Approval,
    BatchRefusal,
    BatchRowView,
    BatchView,
    NewBatch,
    Outcomes,
    Withdraw,
)
from server.kit import clock, ids
from server.kit.pages import Page
from server.kit.parameters import PageCursor
from server.kit.sheets import CSV, answer


@post("/batches", summary="Request benefits for many customers")
async def submit(actor: CurrentActor, data: JSONBody[NewBatch]) -> Outcomes:
    """Make a batch of customers that are named, or of a segment; the platform approves it."""
    return await service.submit(actor, data, now=clock.now())


@post(
    "/programs/{program_id:uuid}/batches",
    summary="Request benefits by a spreadsheet",
    request_max_body_size=FILE_BYTES_MAX,
    opt={"time_limit_s": 60.0},
)
async def submit_file(
    request: Request[Any, Any, Any],
    actor: CurrentActor,
    program_id: FromPath[UUID],
    id: FromQuery[UUID | None] = None,  # noqa: A002 - the name in every request
) -> Outcomes:
    """Make a batch of the rows of a CSV or XLSX, sent as the body."""
    content, now = await request.body(), clock.now()
    batch_id = id or ids.new_id(now)
    return await service.submit_file(actor, batch_id, program_id, content, now=now)


@get("/batches", summary="List batches")
async def batches(actor: CurrentActor, cursor: PageCursor = None) -> Page[BatchView]:
    """List the batches of one's company, the newest first."""
    return await queries.batches(actor, cursor=cursor)


@get("/batches/{batch_id:uuid}", summary="One batch")
async def batch(actor: CurrentActor, batch_id: FromPath[UUID]) -> Outcomes:
    """Give one batch with what came of its rows."""
    return await queries.batch(actor, batch_id)


@get("/batches/{batch_id:uuid}/rows", summary="List a batch's rows")
async def rows(
    actor: CurrentActor, batch_id: FromPath[UUID], cursor: PageCursor = None
) -> Page[BatchRowView]:
    """List the rows of a batch in their order, each with its outcome."""
    return await queries.rows(actor, batch_id, cursor=cursor)


@get("/batches/{batch_id:uuid}/rejected.csv", summary="Get the refused rows", media_type=CSV)
async def rejected(actor: CurrentActor, batch_id: FromPath[UUID]) -> Stream:
    """Give the rows that were refused as a sheet that Excel opens, each with its reason."""
    blocks: AsyncIterator[bytes] = await exports.rejected(actor, batch_id)
    return answer(blocks, "rejected.csv")


@post("/batches/{batch_id:uuid}/withdrawals", summary="Take rows out")
async def withdraw(
    actor: CurrentActor, batch_id: FromPath[UUID], data: JSONBody[Withdraw]
) -> Outcomes:
    """Take rows out before they are issued; what was approved before is not any more."""
    return await service.withdraw(actor, batch_id, data, now=clock.now())


@get("/batches", summary="List all agents' batches")
async def submitted(actor: CurrentActor, cursor: PageCursor = None) -> Page[BatchView]:
    """List the batches of all agents, the newest first; each agent is told that it was read."""
    return await queries.submitted(actor, cursor=cursor, now=clock.now())


@get("/batches/{batch_id:uuid}", summary="One agent's batch")
async def submitted_one(actor: CurrentActor, batch_id: FromPath[UUID]) -> BatchView:
    """Give one batch: how many, how much, and the hash that an approval names."""
    return await queries.submitted_one(actor, batch_id, now=clock.now())


@post("/batches/{batch_id:uuid}/approval", summary="Approve a batch")
async def approve(
    actor: CurrentActor, batch_id: FromPath[UUID], data: JSONBody[Approval]
) -> BatchView:
    """Let a batch be issued as it was looked at."""
    return await service.approve(actor, batch_id, data, now=clock.now())


@post("/batches/{batch_id:uuid}/refusal", summary="Decline a batch")
async def refuse(
    actor: CurrentActor, batch_id: FromPath[UUID], data: JSONBody[BatchRefusal]
) -> BatchView:
    """Decline a batch with a reason that its agent reads."""
    return await service.refuse(actor, batch_id, data, now=clock.now())


AGENT: Final = [submit, submit_file, batches, batch, rows, rejected, withdraw]
PLATFORM: Final = [submitted, submitted_one, approve, refuse]
