"""Vouchers over HTTP: show a code, see what stands behind it, lock, redeem, take back."""

from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, JSONBody

from server.access.edge import CurrentActor
from server.benefits.vouchers import queries, service
from server.benefits.vouchers.schemas import (
    Lock,
    Presented,
    Redeem,
    RedemptionView,
    RollBack,
    VoucherAlarm,
    VoucherCode,
    VoucherView,
)
from server.kit import clock


@post("/requests/{request_id:uuid}/voucher", summary="Show a benefit's code")
async def code(actor: CurrentActor, request_id: FromPath[UUID]) -> VoucherCode:
    """Give the code of a benefit for the customer; asked again, the same one."""
    return await service.code_of(actor, request_id, now=clock.now())


@get("/requests/{request_id:uuid}/redemptions", summary="List what was done with a benefit")
async def redemptions(actor: CurrentActor, request_id: FromPath[UUID]) -> list[RedemptionView]:
    """List the uses of a benefit, and what was taken back, withdrawn or over."""
    return await queries.redemptions_of(actor, request_id)


@post("/vouchers/validation", summary="See what stands behind a code")
async def validate(actor: CurrentActor, data: JSONBody[Presented]) -> VoucherView:
    """Say what is left behind a code; nothing is changed."""
    return await service.validate(actor, data, now=clock.now())


@post("/vouchers/lock", summary="Keep a code for oneself")
async def lock(actor: CurrentActor, data: JSONBody[Lock]) -> VoucherView:
    """Keep a code for who is about to redeem it, for a quarter of an hour."""
    return await service.lock(actor, data, now=clock.now())


@post("/vouchers/redemption", summary="Redeem a code")
async def redeem(actor: CurrentActor, data: JSONBody[Redeem]) -> VoucherView:
    """Use a benefit, or a part of it; sending twice uses it once."""
    return await service.redeem(actor, data, now=clock.now())


@post("/vouchers/rollback", summary="Take a use back")
async def roll_back(actor: CurrentActor, data: JSONBody[RollBack]) -> VoucherView:
    """Take a use back, whole; what it was may be used again."""
    return await service.roll_back(actor, data, now=clock.now())


@get("/voucher-alarms", summary="List who guessed codes")
async def alarms(actor: CurrentActor) -> list[VoucherAlarm]:
    """List who was stopped from guessing codes, the last first."""
    return await queries.alarms(actor, now=clock.now())


AGENT: Final = [code, redemptions, validate, lock, redeem, roll_back]
PLATFORM: Final = [alarms]
