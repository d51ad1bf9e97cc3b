"""A world is made again from its seed, hangs together, and its truth is what it contains."""

import os
import random
import subprocess
import sys
from datetime import timedelta

import msgspec
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import uscc

from world import channel, truth
from world.model import Scale, World

_PRINT_A_WORLD = """
import hashlib, random
from world import channel, spreadsheets, truth
import msgspec
world = channel.from_seed(11)
told = hashlib.sha256(msgspec.json.encode([world, truth.of(world)]))
for sheet in spreadsheets.several(random.Random(11), 4, rows=60, today=channel.DAY_ONE):
    told.update(sheet.content)
    told.update(msgspec.json.encode(sheet.truth))
print(told.hexdigest())
"""
_SMALL = Scale(agents=3, customers_per_agent=40)


@pytest.fixture(scope="module")
def world() -> World:
    """Give one world to look at."""
    return channel.from_seed(42)


def _told_by_another_process(hash_seed: str) -> str:
    """Have another process make the same world."""
    return subprocess.run(
        [sys.executable, "-c", _PRINT_A_WORLD],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    assert _told_by_another_process("1") == _told_by_another_process("2")


def test_another_seed_gives_another_world() -> None:
    assert channel.from_seed(1, _SMALL) != channel.from_seed(2, _SMALL)


@settings(max_examples=10, deadline=None)
@given(st.integers(min_value=0, max_value=2**32))
def test_every_identity_in_a_world_is_valid_and_every_id_is_its_own(seed: int) -> None:
    made = channel.make(random.Random(seed), _SMALL)

    ids = []
    phones = [person.phone for person in made.platform.staff]
    for agent in made.agents:
        phones += [person.phone for person in agent.people]
        ids += [agent.tenant_id, *(person.id for person in agent.people)]
        for customer in agent.customers:
            assert uscc.is_valid(customer.uscc)
            phones += [customer.phone, *(store.phone for store in customer.stores)]
            phones += [contact.phone for contact in customer.contacts]
            ids += [customer.id, *(visit.id for visit in customer.visits)]
            ids += [store.id for store in customer.stores]
    assert all(phonenumbers.is_valid_number(phonenumbers.parse(phone)) for phone in phones)
    assert len(set(phones)) == len(phones)
    assert len(set(ids)) == len(ids)


def test_every_reference_leads_to_something_of_the_same_agent(world: World) -> None:
    for agent in world.agents:
        people = {person.id: person for person in agent.people}
        tags = {tag.id for tag in agent.tags}
        districts = {territory.district for territory in agent.territories}
        assert len({customer.name for customer in agent.customers}) == len(agent.customers)
        for customer in agent.customers:
            assert people[customer.owner_id].team_id == customer.team_id
            assert set(customer.tags) <= tags
            assert customer.district in districts
            stores = {store.id for store in customer.stores}
            assert {contact.store_id for contact in customer.contacts} <= stores | {None}
            assert all(visit.author_id in people for visit in customer.visits)


def test_time_runs_forward_and_a_dormant_customer_was_not_seen_for_a_year(world: World) -> None:
    for agent in world.agents:
        for customer in agent.customers:
            moments = [visit.written_at for visit in customer.visits]
            assert moments == sorted(moments)
            assert customer.met_on <= moments[0].date() <= moments[-1].date() <= world.today
            for deal in customer.deals:
                assert customer.met_on <= deal.opened_on <= (deal.closed_on or world.today)
                assert (deal.closed_on or world.today) <= world.today
            if customer.status == "dormant":
                assert moments[-1].date() <= world.today - timedelta(days=365)


def test_the_truth_counts_what_the_world_contains(world: World) -> None:
    told = truth.of(world)

    assert told.agent_relations == sum(count.customers - count.doubles for count in told.agents)
    assert told.agent_relations == world.scale.agents * world.scale.customers_per_agent
    repeated = sum(len(entity.customer_ids) - 1 for entity in told.shared)
    assert repeated > 0
    assert told.unique_end_customers == told.agent_relations - repeated
    for count in told.agents:
        for tally in (count.by_status, count.by_city, count.by_industry):
            assert sum(tally.values()) == count.customers


def test_a_large_channel_has_agents_with_different_logins_and_some_that_defect() -> None:
    large = channel.from_seed(3, Scale(agents=60, customers_per_agent=4, reps_per_team=1))

    assert len({agent.slug for agent in large.agents}) == len(large.agents)
    assert len(truth.of(large).defections) == len(large.agents) // 10


def test_a_world_survives_being_written_and_read(world: World) -> None:
    assert msgspec.json.decode(msgspec.json.encode(world), type=World) == world
