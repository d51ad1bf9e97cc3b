"""The rules of programs over HTTP: an agent asks why, the platform proposes, tries, publishes."""

from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.benefits.eligibility import queries, service
from server.benefits.eligibility.schemas import (
    Eligibility,
    NewRules,
    Publish,
    RulesTried,
    RulesView,
)
from server.kit import clock


@get(
    "/programs/{program_id:uuid}/eligibility/{customer_id:uuid}",
    summary="May a customer have it, and why",
)
async def eligibility(
    actor: CurrentActor, program_id: FromPath[UUID], customer_id: FromPath[UUID]
) -> Eligibility:
    """Say for each condition of the rules in force what it saw and whether that was enough."""
    return await queries.eligibility(actor, program_id, customer_id, now=clock.now())


@get("/requests/{request_id:uuid}/explanation", summary="Why a request was decided so")
async def explanation(actor: CurrentActor, request_id: FromPath[UUID]) -> Eligibility:
    """Say what the rules of its time saw of a request."""
    return await queries.explanation(actor, request_id)


@get("/programs/{program_id:uuid}/rules", summary="List versions of the rules")
async def versions(actor: CurrentActor, program_id: FromPath[UUID]) -> list[RulesView]:
    """List the versions of a program's rules, the last proposed first."""
    return await queries.versions(actor, program_id)


@post("/programs/{program_id:uuid}/rules", summary="Propose rules")
async def propose(
    actor: CurrentActor, program_id: FromPath[UUID], data: JSONBody[NewRules]
) -> RulesView:
    """Write a version of a program's rules; it holds once it is published."""
    return await service.propose(actor, program_id, data, now=clock.now())


@get("/programs/{program_id:uuid}/rules/{version:int}", summary="Try a version of the rules")
async def tried(
    actor: CurrentActor, program_id: FromPath[UUID], version: FromPath[int]
) -> RulesTried:
    """Say what a version would have done with the last 90 days' requests."""
    return await queries.tried(actor, program_id, version, until=queries.to_the_minute(clock.now()))


@post("/programs/{program_id:uuid}/rules/publication", summary="Publish rules")
async def publish(
    actor: CurrentActor, program_id: FromPath[UUID], data: JSONBody[Publish]
) -> RulesTried:
    """Let a version hold from now on, for who has seen what it would have done."""
    return await service.publish(actor, program_id, data, now=clock.now())


AGENT: Final = [eligibility, explanation]
PLATFORM: Final = [versions, propose, tried, publish]
