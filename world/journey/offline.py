"""Two reps work without a network, then sync in either order: both values are kept."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from mobile_client_sdk.client import Client, SyncReport, open_client
from mobile_client_sdk.records import (
    ConflictRecord,
    Contact,
    Customer,
    Note,
    Record,
    Store,
    Tag,
)
from world import names, numbers
from world.api import Api
from world.journey.cast import Cast, Company
from world.journey.evidence import Evidence
from world.journey.network import Network
from world.model import Person

_SAME_FIELD: Final = 5
_SAME_TEXT: Final = 5
_OTHER_FIELD: Final = 5
_ALONE: Final = 10
_NEW: Final = 3
_KINDS: Final[tuple[type[Record], ...]] = (Customer, Store, Contact, Note, Tag, ConflictRecord)


class Phone(msgspec.Struct):
    """A rep's phone: the real SDK on a store file, over a network that can be away."""

    rep: Person
    client: Client
    network: Network

    async def sync(self) -> SyncReport:
        """Sync as an app does, beside everything else."""
        return await asyncio.to_thread(self.client.sync)

    def view(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Give everything that the phone shows, by kind and id."""
        return {
            (kind.KIND, record.id): _content(record)
            for kind in _KINDS
            for record in self.client.find(kind)
        }


def _content(record: Record) -> dict[str, Any]:
    """Give a record's fields without the state that the copy was read at."""
    fields: dict[str, Any] = msgspec.to_builtins(record)
    fields.pop("as_of")
    return fields


class Round(msgspec.Struct):
    """What two reps did in one round without a network."""

    contested: dict[str, tuple[str, str]] = {}
    """Customer -> the addresses that the first and the second rep wrote."""
    merged: dict[str, tuple[str, str]] = {}
    """Customer -> the lines that the first and the second rep added to its remark."""
    complementary: dict[str, tuple[str, str]] = {}
    """Customer -> the level that the first wrote, the address that the second wrote."""
    alone: dict[str, str] = {}
    """Customer -> the remark that one rep wrote."""
    created: dict[str, str] = {}
    """New customer -> its name."""
    children: dict[str, set[str]] = {}
    """New customer -> the contact and the note that came with it."""


async def phone(cast: Cast, company: Company, rep: Person) -> Phone:
    """Enrol a phone for a rep, by a code that the owner makes."""
    code = await company.owner.post("/v1/devices/enrolment-codes", {"user_id": rep.id})
    network = Network()
    client = open_client(
        cast.stage.folder / f"{rep.login}.db",
        cast.stage.url,
        random_bytes=cast.rng.randbytes,
        http=network,
    )
    cast.closing.callback(client.close)
    name = f"{rep.name}的手机"
    await asyncio.to_thread(client.enrol, code["code"], device_name=name, platform="journey")
    return Phone(rep, client, network)


async def phones_load(cast: Cast, found: Evidence) -> None:
    """Enrol the phones of two reps of one team and load what the team holds."""
    company = cast.companies[0]
    reps = [rep for rep in company.agent.reps() if rep.scope == "team"][:2]
    phones = [await phone(cast, company, rep) for rep in reps]
    cast.left["phones"] = phones
    cast.left["rounds"] = []
    for each in phones:
        report = await each.sync()
        within_sight = (await company.api(each.rep).get("/v1/customers/summary"))["customers"]
        held = each.client.count(Customer)
        found.note(**{f"on_{each.rep.name}'s_phone": held})
        found.expect(f"{each.rep.login}: the first load", str(report.state), "complete")
        found.expect(f"{each.rep.login}: the phone holds what the API lists", held, within_sight)
        found.expect_that(f"{each.rep.login}: there is something to hold", holds=held > 0)


async def work_then_sync(cast: Cast, found: Evidence, *, first_to_sync: int) -> None:
    """Let both reps work without a network, then give it back to one before the other."""
    phones: Sequence[Phone] = cast.left["phones"]
    for each in phones:
        each.network.is_up = False
        found.expect(f"{each.rep.login} is offline", str((await each.sync()).state), "offline")
    done = _work(cast, phones, _untouched(cast, phones[0]))
    cast.left["rounds"].append(done)
    waiting = [each.client.pending_count for each in phones]
    found.note(
        contested_fields=len(done.contested),
        texts_merged=len(done.merged),
        edits_side_by_side=2 * len(done.complementary),
        edits_alone=len(done.alone),
        customers_created=len(done.created),
    )
    for each, count in zip(phones, waiting, strict=True):
        found.expect_that(f"{each.rep.login} has work waiting", holds=count > 0, seen=count)
    one, other = phones[first_to_sync], phones[1 - first_to_sync]
    # The one that synced first learns only afterwards what the other did.
    reports = [await _sync(each, found) for each in (one, other, one)]
    found.note(ops_settled=sum(report.pushed for report in reports))
    found.expect("every op is settled once", sum(r.pushed for r in reports), sum(waiting))
    views = [each.view() for each in phones]
    keys = views[0].keys() | views[1].keys()
    different = [key for key in keys if views[0].get(key) != views[1].get(key)]
    found.note(records_on_each_phone=len(views[0]))
    found.expect("both phones show the same", different[:5], [])


async def _sync(phone: Phone, found: Evidence) -> SyncReport:
    """Sync over the network, and expect nothing to be left or refused."""
    phone.network.is_up = True
    report = await phone.sync()
    refused = [(outcome.number, outcome.code, outcome.detail) for outcome in report.refused]
    found.expect(f"{phone.rep.login} syncs: {report.problem}", str(report.state), "complete")
    found.expect(f"{phone.rep.login} has nothing left to send", report.pending, 0)
    found.expect(f"{phone.rep.login} is refused nothing", refused, [])
    return report


def _untouched(cast: Cast, phone: Phone) -> list[Customer]:
    """Give the customers of earlier days that no round has touched, shuffled."""
    rounds: list[Round] = cast.left["rounds"]
    touched = {
        key
        for each in rounds
        for part in (each.contested, each.merged, each.complementary, each.alone, each.created)
        for key in part
    }
    held = sorted(phone.client.customers(), key=lambda customer: customer.id)
    left = [customer for customer in held if customer.id not in touched]
    cast.rng.shuffle(left)
    return left


async def both_values_kept(cast: Cast, found: Evidence) -> None:
    """Look through the API for everything that the reps did: held, or kept beside what is held."""
    company = cast.companies[0]
    phones: Sequence[Phone] = cast.left["phones"]
    rounds: list[Round] = cast.left["rounds"]
    conflicts = {
        item["record_id"]: item
        async for item in company.owner.every("/v1/sync/conflicts")
        if item["field"] == "address"
    }
    contested = {key: values for each in rounds for key, values in each.contested.items()}
    found.note(conflicts=len(conflicts))
    found.expect("a conflict for each contested field", conflicts.keys(), contested.keys())
    for customer_id, written in contested.items():
        held = (await company.owner.get(f"/v1/customers/{customer_id}"))["customer"]
        kept = conflicts.get(customer_id, {})
        values = {kept.get("kept"), kept.get("other")}
        found.expect("a contested customer keeps both values", values, set(written))
        found.expect("what is held is what the conflict says", held["address"], kept.get("kept"))
    for each in phones:
        shown = {conflict.record_id for conflict in each.client.conflicts()}
        found.expect(f"{each.rep.login} sees the conflicts", shown, set(contested))
    for done in rounds:
        await _expect_held(company.owner, done, found)
    shared = next(iter(rounds[0].complementary))
    devices = await _devices_in_history(company.owner, shared)
    known = {each.client.session.device_id for each in phones if each.client.session}
    found.expect("the history names both phones", devices, known)


async def _expect_held(owner: Api, done: Round, found: Evidence) -> None:
    """Expect every edit that met no other, and every new record, to be held."""
    lost = []
    for customer_id, (level, address) in done.complementary.items():
        held = (await owner.get(f"/v1/customers/{customer_id}"))["customer"]
        if (held["level"], held["address"]) != (level, address):
            lost.append(customer_id)
    found.expect("edits of different fields are all held", lost, [])
    for customer_id, lines in done.merged.items():
        held = (await owner.get(f"/v1/customers/{customer_id}"))["customer"]
        if not all(line in held["remark"] for line in lines):
            lost.append(customer_id)
    found.expect("remarks that two wrote on hold the words of both", lost, [])
    for customer_id, remark in done.alone.items():
        held = (await owner.get(f"/v1/customers/{customer_id}"))["customer"]
        if held["remark"] != remark:
            lost.append(customer_id)
    found.expect("edits of different customers are all held", lost, [])
    for customer_id, name in done.created.items():
        detail = await owner.get(f"/v1/customers/{customer_id}")
        children = {item["id"] for kind in ("contacts", "notes") for item in detail[kind]}
        if detail["customer"]["name"] != name or children != done.children[customer_id]:
            lost.append(customer_id)
    found.expect("new customers came with their contact and note", lost, [])


async def _devices_in_history(owner: Api, customer_id: str) -> set[str]:
    """Tell from which devices a customer was changed."""
    entries = owner.every(f"/v1/customers/{customer_id}/history")
    return {entry["device_id"] async for entry in entries if entry["device_id"]}


def _both(cast: Cast, phones: Sequence[Phone]) -> tuple[str, str]:
    """Give what each of two reps writes about the same thing."""
    first, second = (f"{each.rep.name} {cast.rng.randrange(10**6):06d}" for each in phones)
    return first, second


def _work(cast: Cast, phones: Sequence[Phone], customers: Sequence[Customer]) -> Round:
    """Let two reps work on some customers, without knowing of each other."""
    first, second = phones
    done = Round()
    some = iter(customers)
    for customer in _take(some, _SAME_FIELD):
        written = _both(cast, phones)
        for each, address in zip(phones, written, strict=True):
            _set(each, customer.id, address=address)
        done.contested[customer.id] = written
    for customer in _take(some, _SAME_TEXT):
        lines = _both(cast, phones)
        for each, line in zip(phones, lines, strict=True):
            _set(each, customer.id, remark=f"{line}\n{customer.remark or ''}")
        done.merged[customer.id] = lines
    for customer in _take(some, _OTHER_FIELD):
        level = next(each for each in "ABCD" if each != customer.level)
        address = names.address(cast.rng, customer.district or "")
        _set(first, customer.id, level=level)
        _set(second, customer.id, address=address)
        done.complementary[customer.id] = (level, address)
    for each in (first, second):
        for customer in _take(some, _ALONE):
            done.alone[customer.id] = f"{each.rep.name}来过 {cast.rng.randrange(10**6):06d}"
            _set(each, customer.id, remark=done.alone[customer.id])
        for _ in range(_NEW):
            _create(cast, each, done)
    return done


def _take(customers: Iterable[Customer], count: int) -> list[Customer]:
    """Take the next few."""
    return [customer for customer, _ in zip(customers, range(count), strict=False)]


def _set(phone: Phone, customer_id: str, **fields: Any) -> None:
    """Edit a customer on a phone."""
    customer = phone.client.customer(customer_id)
    assert customer is not None, "both phones hold the team's customers"
    with phone.client.edit(customer) as draft:
        for name, value in fields.items():
            setattr(draft, name, value)


def _create(cast: Cast, phone: Phone, done: Round) -> None:
    """Create a customer with a contact and a note on a phone."""
    rng, series = cast.rng, numbers.start(cast.rng)
    name = f"{names.brand(rng)}{rng.randrange(10**4):04d}小店"
    assert phone.rep.team_id is not None, "a rep works in a team"
    with phone.client.group():
        customer = phone.client.create_customer(
            name=name,
            phone=series.phone(),
            status="potential",
            owner_id=str(phone.rep.id),
            team_id=str(phone.rep.team_id),
        )
        contact = phone.client.add_contact(customer, name=names.person(rng))
        note = phone.client.add_note(customer, "第一次到店，老板在。")
    done.created[customer.id] = name
    done.children[customer.id] = {contact.id, note.id}
