"""What a company takes out rebuilds it in a fresh install, row by row."""

import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.access import Actor
from server.attachments import place
from server.customers.opt_outs import queries as opt_outs
from server.customers.opt_outs import service as opting_out
from server.customers.opt_outs.rules import OptOutReason
from server.identity import keys
from server.kit import db
from server.kit.errors import Forbidden
from server.settings import Settings
from server.takeout import service
from server.takeout.rules import CompanyExists, TakeoutDamaged, in_order
from tests.factories import NOW, Tenant, make_platform_actor, make_tenant
from tests.server.contracts import stories as contracts
from tests.server.registrations.stories import make_shop, new_phone, register

PHONE = new_phone()

graphs = st.dictionaries(
    st.integers(0, 9), st.frozensets(st.integers(0, 9), max_size=4), max_size=10
).map(
    lambda held: {
        f"t{child}": frozenset(f"t{parent}" for parent in parents if parent <= child)
        for child, parents in held.items()
    }
)


@given(graphs)
def test_each_table_is_written_behind_those_that_it_refers_to(
    parents: dict[str, frozenset[str]],
) -> None:
    ordered = in_order(parents, parents)

    assert sorted(ordered) == sorted(parents)
    for place_, table in enumerate(ordered):
        assert not (parents[table] - {table}) & set(ordered[place_:])


@pytest.fixture
async def company(database: Settings) -> Tenant:
    """A company with customers, a registration, a contract and a phone that nobody may call."""
    keys.open_keys(database)
    place.open_place(database)
    made = await make_tenant()
    shop = await make_shop(made.rep, PHONE, address="浙江省金华市义乌市福田街道")
    await register(made.rep)
    await contracts.write(made.rep, customer_id=shop, title="年度合同", now=NOW)
    await opting_out.opt_out(made.manager, PHONE, OptOutReason.ASKED, now=NOW)
    return made


@asynccontextmanager
async def install(settings: Settings) -> AsyncIterator[None]:
    """Be in another install for a while."""
    was_open, db.ENGINE.pool = db.ENGINE.pool, None
    await db.open_database(settings)
    try:
        yield
    finally:
        await db.close_database()
        db.ENGINE.pool = was_open


async def test_m14_what_a_company_takes_out_rebuilds_it_in_a_fresh_install(
    company: Tenant, fresh_database: Settings, tmp_path: Path
) -> None:
    """Every row of every table, counted and hashed; all of it or nothing."""
    file, damaged, again = (tmp_path / name for name in ("mine.zip", "damaged.zip", "again.zip"))
    told = await service.pack(company.owner, file, now=NOW)
    names = {Path(each.path).stem: each.rows for each in told.tables}
    assert names["customer"] == 2
    assert min(names[each] for each in ("change", "registration", "contract", "user_account")) > 0
    _spoil(file, damaged)

    async with install(fresh_database):
        with pytest.raises(TakeoutDamaged):
            await service.rebuild(damaged, now=NOW)
        assert (await service.rebuild(file, now=NOW)).tables == told.tables
        found = await service.pack(company.owner, again, now=NOW)
        with pytest.raises(CompanyExists):
            await service.rebuild(file, now=NOW)
        shops = await _names(company.owner)
        async with db.tenant_transaction(company.tenant_id):
            assert PHONE in await opt_outs.among([PHONE])

    assert (found.tables, found.contents) == (told.tables, told.contents)
    assert shops == await _names(company.owner)
    with zipfile.ZipFile(file) as packed:
        assert PHONE.encode() in packed.read("opted_out.jsonl")
        assert not any(b"argon2" in packed.read(name) for name in packed.namelist())


def _spoil(file: Path, damaged: Path) -> None:
    """Change one letter of one row."""
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(damaged, "w") as changed:
        for name in whole.namelist():
            text = whole.read(name)
            is_it = name == "tables/customer.jsonl"
            changed.writestr(name, text.replace(b"a", b"b", 1) if is_it else text)


async def _names(actor: Actor) -> list[str]:
    """Give the names of all customers."""
    async with db.tenant_transaction(actor.tenant_id):
        rows = await db.connection().fetch("SELECT name FROM customer ORDER BY id")
    return [row["name"] for row in rows]


async def test_nobody_but_the_owner_takes_a_company_out(company: Tenant, tmp_path: Path) -> None:
    for actor in (company.manager, company.rep, make_platform_actor()):
        with pytest.raises(Forbidden):
            await service.pack(actor, tmp_path / "none.zip", now=NOW)
