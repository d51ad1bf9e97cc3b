"""Let reps do their work on phones: the real SDK, with a store file for each.

A phone's work is saved in one local transaction before it is synced, so a seeding that was
interrupted goes on where it was: what is saved is only sent, what is not saved is done.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from mobile_client_sdk.client import Client, SyncReport, SyncState, open_client
from mobile_client_sdk.records import Note
from server.kit.clock import to_ms
from world import errands
from world.api import Api
from world.errands import Round
from world.model import Agent, Customer, Person

_CONTESTED: Final = 2
"""On so many customers the first two reps of a company disagree, for the conflict inbox."""


class PhoneFailed(RuntimeError):
    """A demo phone could not sync."""


class Phone(msgspec.Struct):
    """A rep's phone."""

    rep: Person
    client: Client


async def work(owner: Api, agent: Agent, folder: Path, *, now: datetime) -> None:
    """Let every rep of a company load a phone, work without a network, and sync."""
    phones = [await _phone(owner, rep, folder / f"{rep.id}.db") for rep in agent.reps()]
    try:
        for phone in phones:
            if phone.client.count(Note) == 0:
                mine = [one for one in agent.customers if one.owner_id == phone.rep.id]
                await asyncio.to_thread(_write, phone, agent, mine, now)
        # The phones synced before anybody wrote, so the last ones meet what the first did.
        for phone in phones:
            await _synced(phone)
    finally:
        for phone in phones:
            phone.client.close()


async def _phone(owner: Api, rep: Person, file: Path) -> Phone:
    """Open a rep's phone, enrol it where it is new, and load what the rep may see."""
    phone = _opened(owner, rep, file)
    if phone.client.session is not None:
        report = await asyncio.to_thread(phone.client.sync)
        if report.state is SyncState.COMPLETE:
            return phone
        # The database is another one than when this file was made.
        phone.client.close()
        _discard(file)
        phone = _opened(owner, rep, file)
    code = await owner.post("/v1/devices/enrolment-codes", {"user_id": rep.id})
    name = f"{rep.name}的手机"
    await asyncio.to_thread(phone.client.enrol, code["code"], device_name=name, platform="demo")
    await _synced(phone)
    return phone


def _opened(owner: Api, rep: Person, file: Path) -> Phone:
    """Open the store of a rep's phone, or make it."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return Phone(rep, open_client(file, owner.url))


def _discard(file: Path) -> None:
    """Delete a store with what SQLite keeps beside it."""
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()


async def _synced(phone: Phone) -> SyncReport:
    """Sync.

    :raises PhoneFailed: when something stays unsent or is refused.
    """
    report = await asyncio.to_thread(phone.client.sync)
    if not report.is_complete or report.refused:
        refused = [(outcome.code, outcome.detail) for outcome in report.refused[:3]]
        raise PhoneFailed(
            f"The phone of {phone.rep.login}: {report.state} {report.problem} {refused}"
        )
    return report


def _contested(agent: Agent, rep: Person) -> Sequence[Customer]:
    """Give the customers about which the first two reps disagree."""
    team = [one for one in agent.reps() if one.team_id == agent.teams[0].id][:2]
    if rep not in team:
        return ()
    return [one for one in agent.customers if one.team_id == agent.teams[0].id][:_CONTESTED]


def _write(phone: Phone, agent: Agent, customers: Sequence[Customer], now: datetime) -> None:
    """Save all of a rep's work on the phone, in one transaction."""
    client = phone.client
    rng = random.Random(f"errands of {phone.rep.id}")
    with client.group():
        for customer in customers:
            _write_one(client, customer, rng)
        for customer in _contested(agent, phone.rep):
            held = client.customer(str(customer.id))
            assert held is not None, "the team's phones hold the team's customers"
            with client.edit(held) as draft:
                draft.remark = f"{phone.rep.name}：老板说月底之前定"
        for double in agent.doubles():
            if double.owner_id == phone.rep.id:
                _enter_again(client, double)
        errands.run(Round(client=client, rep=phone.rep, customers=customers, now=now, rng=rng))


def _enter_again(client: Client, double: Customer) -> None:
    """Enter a customer that is there already, as somebody does who has not looked."""
    client.create_customer(
        name=double.name,
        phone=double.phone,
        city=double.city,
        district=double.district,
        industry=double.industry,
        status=double.status,
        level=double.level,
        owner_id=str(double.owner_id),
        team_id=str(double.team_id),
    )


def _write_one(client: Client, customer: Customer, rng: random.Random) -> None:
    """Save a customer's stores, contacts and visits."""
    stores = {
        store.id: client.add_store(
            str(customer.id),
            name=store.name,
            address=store.address,
            city=store.city,
            district=store.district,
            lat=store.lat,
            lng=store.lng,
            phone=store.phone,
        ).id
        for store in customer.stores
    }
    for place, contact in enumerate(customer.contacts):
        client.add_contact(
            str(customer.id),
            name=contact.name,
            title=contact.title,
            phone=contact.phone,
            email=contact.email,
            wechat=contact.wechat,
            store_id=stores[contact.store_id] if contact.store_id else None,
            **errands.role_and_stance(rng, customer.status, place),
        )
    for visit in customer.visits:
        client.create(
            Note,
            customer_id=str(customer.id),
            body=visit.body,
            written_at=to_ms(visit.written_at),
        )
