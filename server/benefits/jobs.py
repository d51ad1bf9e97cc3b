"""What comes round: what was written to the books is sealed, behind those who write."""

from datetime import datetime, timedelta
from typing import Final

from billing.sealing import service as sealing
from server.access import PLATFORM_TENANT, Role, of_the_product
from server.identity import keys
from server.kit import db
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


SCHEDULE: Final = {SEAL: Planned(Every(timedelta(minutes=1)), seal)}
"""By name, what comes round."""
