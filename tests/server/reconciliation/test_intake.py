"""A file is looked at as it would be read, and handed in as somebody said."""

import asyncpg
import msgspec
import pytest

from billing.reconciliation.rules.columns import SOMEBODY, ColumnsMissing, Field
from billing.reconciliation.rules.lines import LineState, Side
from billing.reconciliation.schemas import FileState, SourceNotFound
from server.access import Role
from server.access.rules import NotPermitted
from server.kit import db
from server.kit.errors import Invalid, NotFound
from server.reconciliation import queries, reading, service
from server.reconciliation.schemas import ColumnsSaid, FileAsSeen, FileOfSource, FileSeen
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
    agent: Tenant,
    said: ColumnsSaid | None = None,
    content: bytes = CONTENT,
    month: str | None = None,
) -> FileSeen:
    """Look at the file."""
    asked = (FINANCE, Side.HERE, content)
    return await service.preview(*asked, agent_id=agent.tenant_id, said=said, month=month, now=NOW)


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
    assert (line.number, line.id, line.amount_minor, line.name) == (2, "X-1", 5000, SOMEBODY)
    assert [(each.row, each.field, each.code) for each in said.unread] == [
        (3, Field.AMOUNT, "amount_off_scale")
    ]
    assert await kept(tenant) == [0, 0]


async def test_words_that_are_not_known_are_asked_about(tenant: Tenant) -> None:
    await stories.admit(tenant)

    seen = await looked_at(tenant, msgspec.structs.replace(SAID, state_words={}))

    assert (seen.state_words, seen.program_words) == (["客户退单"], [])
    assert (await looked_at(tenant, SAID)).state_words == []


async def test_days_outside_of_the_chosen_month_are_counted(tenant: Tenant) -> None:
    await stories.admit(tenant)
    days = ["2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01", "2025-03-05", "gestern"]
    content = "\n".join(["单号,金额,日期", *(f"X,5,{day}" for day in days), ""]).encode()

    march = await looked_at(tenant, content=content, month="2026-03")
    none = await looked_at(tenant, content=content)

    assert (march.outside, march.unread_count, none.outside) == (3, 1, 0)


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
            FINANCE, Side.HERE, msgspec.structs.replace(new, name=None), SAID, CONTENT, now=NOW
        )
    nothing = msgspec.structs.replace(SAID, fields=[Field.ID, *[None] * 5])
    with pytest.raises(ColumnsMissing):
        await service.hand_in_as_seen(FINANCE, Side.HERE, new, nothing, CONTENT, now=NOW)
    with pytest.raises(NotPermitted):
        await service.hand_in_as_seen(make_platform_actor(), Side.HERE, new, SAID, CONTENT, now=NOW)
    before = await kept(tenant)

    for _ in range(2):
        view = await service.hand_in_as_seen(FINANCE, Side.HERE, new, SAID, CONTENT, now=NOW)
    seen = await looked_at(tenant)
    later = CONTENT.replace(b"51.005", b"51")
    second = await service.hand_in_as_seen(
        FINANCE, Side.HERE, new_file(tenant), SAID, later, now=NOW
    )

    assert (nameless.value.field, before) == ("name", [0, 0])
    assert (view.id, view.source_id, view.state) == (new.id, new.source_id, FileState.LOADING)
    [source] = await queries.sources_of(FINANCE, Side.HERE, tenant.tenant_id, now=NOW)
    assert (source.name, source.id, second.source_id) == ("ERP", new.source_id, new.source_id)
    # The next file with these columns is read so at once.
    assert (seen.source, seen.fields) == (source, SAID.fields)
    assert await kept(tenant) == [1, 2]


async def test_who_may_not_looks_at_no_file(tenant: Tenant) -> None:
    for actor in (tenant.owner, make_platform_actor()):
        with pytest.raises(NotPermitted):
            await service.preview(actor, Side.HERE, CONTENT, agent_id=tenant.tenant_id, now=NOW)


async def test_s06_an_owner_hands_in_its_own_companys_files_and_no_others(
    tenant: Tenant, rival: Tenant
) -> None:
    await stories.admit(tenant)
    content = CONTENT.replace(b"51.005", b"51.05")
    seen = await service.preview(
        tenant.owner, Side.THERE, content, agent_id=tenant.tenant_id, said=SAID, now=NOW
    )
    assert (seen.unread, [each.name for each in seen.lines]) == ([], [SOMEBODY, SOMEBODY])
    new = new_file(tenant, "门店 ERP")
    for _ in range(2):
        view = await service.hand_in_as_seen(tenant.owner, Side.THERE, new, SAID, content, now=NOW)
    assert (view.id, view.state, view.agent_id) == (new.id, FileState.LOADING, tenant.tenant_id)

    await service.go_on(new.id, now=NOW)
    theirs = await queries.file(tenant.owner, Side.THERE, new.id, now=NOW)
    ours = await queries.file(FINANCE, Side.HERE, new.id, now=NOW)
    assert theirs.state is ours.state is FileState.COMPARED
    # Finance finds the owner's way of reading, and it is one.
    [source] = await queries.sources_of(FINANCE, Side.HERE, tenant.tenant_id, now=NOW)
    assert (await queries.sources(tenant.owner, Side.THERE, now=NOW)).items == [source]
    assert (await queries.sources(rival.owner, Side.THERE, now=NOW)).items == []
    async with db.tenant_transaction(tenant.tenant_id, readonly=True):
        trail = await db.connection().fetch(
            "SELECT action FROM audit_entry WHERE subject_id = ANY ($1) ORDER BY action",
            [new.id, source.id],
        )
    assert [row["action"] for row in trail] == ["recon_file.handed_in", "recon_source.saved"]

    of_another = msgspec.structs.replace(new_file(tenant, "门店 ERP"), agent_id=rival.tenant_id)
    with pytest.raises(NotFound):
        await service.hand_in_as_seen(
            tenant.owner, Side.THERE, of_another, SAID, content + b"\n", now=NOW
        )
    sent = FileOfSource(id=new_id(), source_id=source.id, month="2026-03", file_name="b.csv")
    with pytest.raises(SourceNotFound):
        await service.hand_in(rival.owner, Side.THERE, sent, content, now=NOW)
    with pytest.raises(NotPermitted):
        await service.hand_in_as_seen(tenant.rep, Side.THERE, new, SAID, content, now=NOW)
    with pytest.raises(NotPermitted):
        await service.hand_in_as_seen(tenant.owner, Side.HERE, new, SAID, content, now=NOW)
    # The database refuses it by itself, too.
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.tenant_transaction(rival.tenant_id):
            await db.connection().execute(
                "INSERT INTO recon_source SELECT $1, $2, 'x', '{}', $1, now()",
                new_id(),
                tenant.tenant_id,
            )
