"""A file is looked at as it would be read, and handed in as somebody said."""

import msgspec
import pytest

from billing.reconciliation.rules.columns import ColumnsMissing, Field
from billing.reconciliation.rules.lines import LineState
from billing.reconciliation.schemas import FileState
from server.access import Role
from server.access.rules import NotPermitted
from server.kit import db
from server.kit.errors import Invalid
from server.reconciliation import queries, reading, service
from server.reconciliation.schemas import ColumnsSaid, FileAsSeen, FileSeen
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories

pytestmark = pytest.mark.usefixtures("database")
FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
NAME = "深巷里的茶馆"
HEADER = ["单号", "客户名称", "实付", "日期", "状态", "经办人"]
SAID = ColumnsSaid(
    header=HEADER,
    fields=[Field.ID, Field.NAME, Field.AMOUNT, Field.DAY, Field.STATE, None],
    state_words={"客户退单": LineState.REVERSED},
)
CONTENT = "\n".join(
    [
        ",".join(HEADER),
        f"X-1,{NAME},50,2026-03-02,有效,某经办",
        f"X-2,{NAME},51.005,2026-03-03,客户退单,某经办",
        "",
    ]
).encode()


def new_file(agent: Tenant, name: str | None = None) -> FileAsSeen:
    """Say of which agent and month a file is."""
    return FileAsSeen(
        id=new_id(),
        source_id=new_id(),
        agent_id=agent.tenant_id,
        name=name,
        month="2026-03",
        file_name="三月.csv",
    )


async def looked_at(
    agent: Tenant, said: ColumnsSaid | None = None, content: bytes = CONTENT
) -> FileSeen:
    """Look at the file."""
    return await service.preview(FINANCE, content, agent_id=agent.tenant_id, said=said, now=NOW)


async def kept(agent: Tenant) -> list[int]:
    """Count what is kept of the agent's ways of reading, and of its files."""
    async with db.platform_transaction(FINANCE):
        return [
            await db.connection().fetchval(
                f"SELECT count(*) FROM {table} WHERE agent_id = $1", agent.tenant_id
            )
            for table in ("recon_source", "recon_file")
        ]


async def test_s06_a_look_guesses_and_asks_and_keeps_nothing(tenant: Tenant) -> None:
    await stories.admit(tenant)

    guessed = await looked_at(tenant)
    said = await looked_at(tenant, SAID)

    assert guessed.fields == [Field.ID, Field.NAME, None, Field.DAY, Field.STATE, None]
    assert isinstance(guessed.refusal, ColumnsMissing)
    assert guessed.refusal.columns == ("amount",)
    assert (guessed.top[0][1], guessed.lines) == (NAME, [])
    assert (said.refusal, said.source, said.rows, said.is_whole) == (None, None, 2, True)
    # What would be kept names nobody.
    [line] = said.lines
    assert (line.number, line.id, line.amount_minor, line.name) == (2, "X-1", 5000, "")
    assert [(each.row, each.field, each.code) for each in said.unread] == [
        (3, Field.AMOUNT, "amount_off_scale")
    ]
    assert await kept(tenant) == [0, 0]


async def test_words_that_are_not_known_are_asked_about(tenant: Tenant) -> None:
    await stories.admit(tenant)

    seen = await looked_at(tenant, msgspec.structs.replace(SAID, state_words={}))

    assert (seen.state_words, seen.program_words) == (["客户退单"], [])
    assert (await looked_at(tenant, SAID)).state_words == []


async def test_what_was_said_of_another_header_says_nothing(tenant: Tenant) -> None:
    await stories.admit(tenant)
    other = ["单号", "金额", "日期"]

    seen = await looked_at(tenant, SAID, content=f"{','.join(other)}\n1,5,2026-03-02\n".encode())

    assert (seen.header, seen.fields) == (other, [Field.ID, Field.AMOUNT, Field.DAY])


async def test_only_the_first_rows_of_a_large_file_are_looked_at(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stories.admit(tenant)
    monkeypatch.setattr(reading, "ROWS_MAX", 3)
    monkeypatch.setattr(reading, "UNREAD_MAX", 2)
    rows = [f"{at},x,2026-03-02" for at in range(4)]

    seen = await looked_at(tenant, content="\n".join(["单号,金额,日期", *rows, ""]).encode())

    assert (seen.rows, seen.is_whole, seen.unread_count) == (3, False, 3)
    assert [each.row for each in seen.unread] == [2, 3]


async def test_s06_a_file_is_handed_in_as_it_was_seen_and_its_source_is_found_again(
    tenant: Tenant,
) -> None:
    await stories.admit(tenant)
    new = new_file(tenant, "ERP")
    with pytest.raises(Invalid) as nameless:
        await service.hand_in_as_seen(
            FINANCE, msgspec.structs.replace(new, name=None), SAID, CONTENT, now=NOW
        )
    nothing = msgspec.structs.replace(SAID, fields=[Field.ID, *[None] * 5])
    with pytest.raises(ColumnsMissing):
        await service.hand_in_as_seen(FINANCE, new, nothing, CONTENT, now=NOW)
    with pytest.raises(NotPermitted):
        await service.hand_in_as_seen(make_platform_actor(), new, SAID, CONTENT, now=NOW)
    before = await kept(tenant)

    for _ in range(2):
        view = await service.hand_in_as_seen(FINANCE, new, SAID, CONTENT, now=NOW)
    seen = await looked_at(tenant)
    later = CONTENT.replace(b"51.005", b"51")
    second = await service.hand_in_as_seen(FINANCE, new_file(tenant), SAID, later, now=NOW)

    assert (nameless.value.field, before) == ("name", [0, 0])
    assert (view.id, view.source_id, view.state) == (new.id, new.source_id, FileState.LOADING)
    [source] = await queries.sources_of(FINANCE, tenant.tenant_id, now=NOW)
    assert (source.name, source.id, second.source_id) == ("ERP", new.source_id, new.source_id)
    # The next file with these columns is read so at once.
    assert (seen.source, seen.fields) == (source, SAID.fields)
    assert await kept(tenant) == [1, 2]


async def test_who_may_not_looks_at_no_file(tenant: Tenant) -> None:
    for actor in (tenant.owner, make_platform_actor()):
        with pytest.raises(NotPermitted):
            await service.preview(actor, CONTENT, agent_id=tenant.tenant_id, now=NOW)
