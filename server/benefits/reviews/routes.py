"""Reviews over HTTP: the platform's queue and decisions, and an agent's own."""

from typing import Annotated, Final, Literal
from uuid import UUID

from litestar import get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from server.access.edge import CurrentActor
from server.benefits.reviews import queries, service
from server.benefits.reviews.rules import Guards
from server.benefits.reviews.schemas import (
    GuardsView,
    OwnReviewView,
    ReviewAppeal,
    ReviewDecision,
    ReviewRecord,
    SignalRecord,
)
from server.kit import clock
from server.kit.pages import Page
from server.kit.parameters import PageCursor

Which = Annotated[Literal["waiting", "all"], QueryParameter()]


@get("/requests/{request_id:uuid}/review", summary="Show a benefit's review")
async def own(actor: CurrentActor, request_id: FromPath[UUID]) -> OwnReviewView | None:
    """Say why a benefit is or was in review; null where it never was."""
    return await queries.own(actor, request_id)


@post("/requests/{request_id:uuid}/appeal", summary="Answer a rejection")
async def appeal(
    actor: CurrentActor, request_id: FromPath[UUID], data: JSONBody[ReviewAppeal]
) -> OwnReviewView:
    """Answer a rejection once, as the owner; somebody else of the platform decides, for good."""
    return await service.appeal(actor, request_id, data, now=clock.now())


@get("/benefit-reviews", summary="List reviews")
async def reviews(
    actor: CurrentActor, which: Which = "waiting", cursor: PageCursor = None
) -> Page[ReviewRecord]:
    """List the reviews that wait, the first due first, or all; each agent is told."""
    return await queries.reviews(actor, now=clock.now(), with_decided=which == "all", cursor=cursor)


@get("/benefit-review-outcomes", summary="Count what came of reviews")
async def outcomes(
    actor: CurrentActor, program_id: FromQuery[UUID | None] = None
) -> list[SignalRecord]:
    """Count by signal what came of reviews: how far each is to be trusted."""
    return await queries.outcomes(actor, program_id=program_id)


@get("/benefit-reviews/{issuance_id:uuid}", summary="One review")
async def review(actor: CurrentActor, issuance_id: FromPath[UUID]) -> ReviewRecord:
    """Give one review; its agent is told that it was read."""
    return await queries.review(actor, issuance_id, now=clock.now())


@post("/benefit-reviews/{issuance_id:uuid}/taking", summary="Take a review on")
async def take(actor: CurrentActor, issuance_id: FromPath[UUID]) -> ReviewRecord:
    """Say that one looks at a review."""
    return await service.take(actor, issuance_id, now=clock.now())


@post("/benefit-reviews/{issuance_id:uuid}/decision", summary="Decide a review")
async def decide(
    actor: CurrentActor, issuance_id: FromPath[UUID], data: JSONBody[ReviewDecision]
) -> ReviewRecord:
    """Release a benefit or withdraw it with a reason, or decide about the owner's answer."""
    return await service.decide(actor, issuance_id, data, now=clock.now())


@get("/programs/{program_id:uuid}/guards", summary="Show a program's guards")
async def guards(actor: CurrentActor, program_id: FromPath[UUID]) -> GuardsView:
    """Say from when on what counts as a signal in a program."""
    return await queries.guards(actor, program_id)


@put("/programs/{program_id:uuid}/guards", summary="Set a program's guards")
async def set_guards(
    actor: CurrentActor, program_id: FromPath[UUID], data: JSONBody[Guards]
) -> GuardsView:
    """Set from when on what counts as a signal in a program, from the next screening on."""
    return await service.set_guards(actor, program_id, data, now=clock.now())


AGENT: Final = [own, appeal]
PLATFORM: Final = [reviews, outcomes, review, take, decide, guards, set_guards]
