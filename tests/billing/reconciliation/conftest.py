"""An agent with three benefits."""

import pytest

from billing.reconciliation import service
from billing.reconciliation.schemas import (
    NewSource,
)
from tests.billing import books
from tests.billing.books import OPERATOR
from tests.billing.reconciliation.stories import (
    MAP,
    Story,
    platform,
)
from tests.factories import NOW, Tenant, new_id


@pytest.fixture
async def story(database: None, tenant: Tenant) -> Story:
    """Issue three benefits, save a source."""
    program = await books.make_program(1_000)
    asked = [books.ask(tenant.tenant_id) for _ in range(3)]
    issued = [each.issuance_id for each in await books.issue(program, asked)]
    source = NewSource(id=new_id(), agent_id=tenant.tenant_id, name="ERP", column_map=MAP)
    await platform(service.save_source, source, actor_id=OPERATOR.user_id, now=NOW)
    ids = [each for each in issued if each is not None]
    return Story(tenant.tenant_id, source, ids, [each.customer_token for each in asked])
