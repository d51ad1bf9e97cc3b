"""Contracts of the two companies that must never meet."""

from uuid import UUID

from server.contracts import queries, service
from server.contracts.schemas import Decide, NewContract, NewInstalment, Receive
from server.kit import clock
from sync_protocol.contracting.states import Verb
from tests.factories import Tenant


async def new_contract(tenant: Tenant, name: str, opportunity_id: UUID) -> UUID:
    """Write a contract that waits for an approval, with a text in every field."""
    now = clock.now()
    new = NewContract(
        opportunity_id=opportunity_id,
        title=name,
        number=f"{name}号",
        party_a=f"{name}甲方",
        party_b=f"{name}乙方",
        amount_minor=1_00,
        remark=f"{name}的备注",
    )
    contract = (await service.create(tenant.rep, new, now=now)).id
    asked = Decide(verb=Verb.SUBMIT, remark=f"{name}的说明")
    await service.decide(tenant.rep, contract, asked, now=now)
    return contract


async def signed_contract(tenant: Tenant, name: str, customer_id: UUID) -> UUID:
    """Write a contract that the owner has signed."""
    now = clock.now()
    plan = [NewInstalment(name=f"{name}分期", due_on="2027-01-31", amount_minor=1_000_00)]
    new = NewContract(customer_id=customer_id, title=name, amount_minor=1_000_00, plan=plan)
    contract = (await service.create(tenant.owner, new, now=now)).id
    for verb in (Verb.SUBMIT, Verb.SIGN):
        await service.decide(tenant.owner, contract, Decide(verb=verb), now=now)
    return contract


async def paid_instalment(tenant: Tenant, name: str, contract_id: UUID) -> UUID:
    """Note money of a signed contract; give the instalment that it was for."""
    now = clock.now()
    (part,) = (await queries.one(tenant.owner, contract_id, now=now)).plan
    asked = Receive(amount_minor=1_00, instalment_id=part.id, remark=name)
    await service.receive(tenant.owner, contract_id, asked, now=now)
    return part.id
