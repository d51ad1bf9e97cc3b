"""What the outbox starts."""

from datetime import datetime

from server.channel import service
from server.identity.service.devices import TOPIC as DEVICES_CHANGED
from server.kit.outbox import Job
from server.partners.service.contracts import ACCEPTED as CONTRACT_ACCEPTED


async def on_agent_changed(job: Job, now: datetime) -> None:
    """Count the agent whose customers, devices or sharing contract have changed."""
    assert job.tenant_id is not None, "these topics are a tenant's own"
    await service.count_agent(job.tenant_id, now=now)


async def on_release(_: Job, now: datetime) -> None:
    """Publish the counts of all agents."""
    await service.release(now=now)


HANDLERS = {
    "customers.changed": on_agent_changed,
    DEVICES_CHANGED: on_agent_changed,
    CONTRACT_ACCEPTED: on_agent_changed,
    service.RELEASE: on_release,
}
