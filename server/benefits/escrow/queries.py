"""Read what devices hold of an agent's allocations."""

from billing.escrow import queries as escrow
from server.access import Actor, Permission, ensure
from server.benefits import queries as benefits
from server.benefits.escrow.schemas import UnitsView
from server.kit import db


async def units_out(actor: Actor) -> list[UnitsView]:
    """List what the company's devices hold, what ends first first."""
    actor.ensure_agent()
    ensure(actor, Permission.UNITS_RECALL)
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        out = await escrow.out(actor.tenant_id)
        names = await benefits.program_names(units.program_id for units in out)
    return [
        UnitsView(
            program_id=units.program_id,
            program_name=names.get(units.program_id, ""),
            person_id=units.person_id,
            device_id=units.device_id,
            count=units.count,
            amount_minor=units.amount_minor,
            currency=units.currency,
            until=units.until,
            is_recalled=units.is_recalled,
        )
        for units in out
    ]
