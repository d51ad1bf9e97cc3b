"""S15: a tag means something, belongs to somebody, and does not stay when nobody uses it."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from server.audit import queries as audit
from server.customers import queries, service
from server.customers.schemas import CustomerEdit, NewCustomer, NewTag, TagEdit
from server.customers.service.tag_use import retire_unused
from tests.factories import NOW, Tenant

DAY = timedelta(days=1)


async def make_tag(tenant: Tenant, name: str) -> UUID:
    """Make a tag."""
    return (await service.create_tag(tenant.rep, NewTag(name=name, meaning="说明"), now=NOW)).id


async def used(tenant: Tenant) -> dict[str, int | None]:
    """Give the company's tags, with who many customers carry each."""
    return {tag.name: tag.customers for tag in await queries.tags(tenant.rep)}


def test_s15_a_tag_without_a_meaning_is_refused() -> None:
    for given in ({"name": "老客户"}, {"name": "老客户", "meaning": ""}):
        with pytest.raises(msgspec.ValidationError, match="meaning"):
            msgspec.convert(given, NewTag)


async def test_s15_a_tag_that_nobody_carries_retires_after_90_days(tenant: Tenant) -> None:
    old, carried = await make_tag(tenant, "没人用"), await make_tag(tenant, "有人用")
    new = NewCustomer(name="平江路茶馆", tags=[carried])
    customer = (await service.create(tenant.rep, new, now=NOW)).id

    assert await retire_unused(tenant.tenant_id, now=NOW + 90 * DAY) == []
    assert await used(tenant) == {"没人用": 0, "有人用": 1}
    assert await retire_unused(tenant.tenant_id, now=NOW + 91 * DAY) == [old]
    assert await retire_unused(tenant.tenant_id, now=NOW + 91 * DAY) == []

    assert await used(tenant) == {"有人用": 1}
    trail = [each.action for each in (await audit.entries(tenant.owner)).items]
    assert trail.count("tag.retired") == 1
    # The days begin anew on the last night on which somebody carried it.
    change = CustomerEdit(remove_tags=[carried])
    await service.edit(tenant.rep, customer, change, now=NOW + 92 * DAY)
    assert await retire_unused(tenant.tenant_id, now=NOW + 181 * DAY) == []
    assert await retire_unused(tenant.tenant_id, now=NOW + 182 * DAY) == [carried]


async def test_s15_a_tag_that_was_written_lately_is_as_good_as_used(tenant: Tenant) -> None:
    tag = await make_tag(tenant, "活动")
    await service.edit_tag(tenant.rep, tag, TagEdit(meaning="中秋活动"), now=NOW + 80 * DAY)

    assert await retire_unused(tenant.tenant_id, now=NOW + 100 * DAY) == []
    assert await retire_unused(tenant.tenant_id, now=NOW + 171 * DAY) == [tag]


async def test_s15_of_another_company_no_tag_retires(tenant: Tenant, rival: Tenant) -> None:
    await make_tag(rival, "别家的")

    assert await retire_unused(tenant.tenant_id, now=NOW + 400 * DAY) == []
    assert await used(rival) == {"别家的": None}
