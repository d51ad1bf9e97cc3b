"""What the outbox and the schedule start: batches are issued, benefits screened and ended."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from billing.sealing import service as sealing
from server.access import PLATFORM_TENANT, Role, of_the_product
from server.benefits.batches import service as batches
from server.benefits.escrow import service as escrow
from server.benefits.reviews import service as reviews
from server.benefits.vouchers import service as vouchers
from server.identity import keys
from server.kit import db, outbox
from server.kit.schedule import Every, Planned

SEAL: Final = "books.seal"
_BLOCKS_MAX: Final = 50
"""As many in one run; what is left has its turn with the next."""
_SEALER: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name=SEAL)


async def seal(now: datetime) -> None:
    """Seal what is committed, a block and a transaction at a time."""
    for _ in range(_BLOCKS_MAX):
        async with db.platform_transaction(_SEALER):
            if await sealing.seal(keys.current().books, now=now) is None:
                return


async def issue_batch(job: outbox.Job, now: datetime) -> None:
    """Issue a batch that was approved, a transaction at a time."""
    assert job.tenant_id is not None, "a batch is an agent's"
    batch_id = UUID(job.payload["id"])
    while await batches.issue_some(job.tenant_id, batch_id, now=now):
        pass


async def tell_of_review(job: outbox.Job, now: datetime) -> None:
    """Tell an agent's people what became of a review."""
    assert job.tenant_id is not None, "a benefit is an agent's"
    told = job.payload
    await reviews.tell(job.tenant_id, UUID(told["issuance_id"]), told["state"], now=now)


HANDLERS: Final[Mapping[str, Callable[[outbox.Job, datetime], Awaitable[None]]]] = {
    batches.APPROVED: issue_batch,
    reviews.MOVED: tell_of_review,
}
"""By topic, what is done with a job."""

SCHEDULE: Final = {
    SEAL: Planned(Every(timedelta(minutes=1)), seal),
    reviews.SCREEN: Planned(Every(timedelta(minutes=1)), reviews.screen),
    escrow.RELEASE: Planned(Every(timedelta(minutes=10)), escrow.release),
    vouchers.EXPIRE: Planned(Every(timedelta(minutes=10)), vouchers.expire),
}
"""By name, what comes round."""
