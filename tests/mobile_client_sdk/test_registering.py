"""Two reps register one shop without a network; a clock that is set back gains nothing."""

import asyncio
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest
import time_machine
from litestar import Litestar

from mobile_client_sdk.client import Client, open_client
from mobile_client_sdk.client.quoting import NotPossible
from server.access import Actor
from server.identity import service as identity
from server.kit import clock
from server.registrations import queries
from sync_protocol.registering import State, Verb
from tests.factories import Tenant, make_tenant
from tests.mobile_client_sdk.people import in_thread
from tests.mobile_client_sdk.test_real_server import Bridge
from tests.server.registrations.stories import DAY, HOUR, new_phone, work

HOUR_MS = 3_600_000


class Phone:
    """A phone whose clock a person may set, and whose uptime nobody can."""

    def __init__(self) -> None:
        self.set_by_ms = 0

    def clock_ms(self) -> int:
        """Tell the time as the screen shows it."""
        return clock.to_ms(clock.now()) + self.set_by_ms

    def uptime_ms(self) -> int:
        """Tell how long the phone is on."""
        return clock.to_ms(clock.now())

    async def enrol(self, app: Litestar, actor: Actor, file: Path) -> Client:
        """Give somebody this phone."""
        code = await identity.new_enrolment_code(actor, user_id=actor.user_id, now=clock.now())
        bridge = Bridge(app, asyncio.get_running_loop())

        def start() -> Client:
            client = open_client(
                file,
                "http://tonglu.test",
                http=bridge,
                clock_ms=self.clock_ms,
                uptime_ms=self.uptime_ms,
            )
            client.enrol(code.code, device_name="phone")
            client.sync()
            return client

        return await asyncio.to_thread(start)


@pytest.mark.parametrize("first_to_come", ["honest", "cheat"])
async def test_m12_a_clock_set_back_gains_nothing_in_either_order_of_arrival(
    app: Litestar, tmp_path: Path, tenant: Tenant, first_to_come: str
) -> None:
    other = await make_tenant()
    phones = {"honest": Phone(), "cheat": Phone()}
    people = {"honest": tenant.rep, "cheat": other.rep}
    number = new_phone()
    reps = {
        name: await phone.enrol(app, people[name], tmp_path / f"{name}.db")
        for name, phone in phones.items()
    }
    shops = {
        name: await in_thread(partial(rep.create_customer, name="福满楼", phone=number))
        for name, rep in reps.items()
    }

    with time_machine.travel(clock.now(), tick=True) as time:
        await in_thread(lambda: reps["honest"].register(shops["honest"]))
        # A minute later the other does, and has its clock three hours back while it does.
        time.shift(60)
        phones["cheat"].set_by_ms = -3 * HOUR_MS
        await in_thread(lambda: reps["cheat"].register(shops["cheat"]))
        phones["cheat"].set_by_ms = 0
        foretold = await in_thread(lambda: reps["cheat"].standing(shops["cheat"]))
        with pytest.raises(NotPossible):
            await in_thread(lambda: reps["cheat"].register(shops["cheat"]))
        time.shift(60)
        for name in sorted(reps, key=lambda name: name != first_to_come):
            assert (await in_thread(reps[name].sync)).refused == ()
            await work(clock.now())
    # The server knows only that both were away when they registered: both have a case first.
    for days, states in ((31, ("contested", "contested")), (42, ("granted", "refused"))):
        await work(clock.now() + days * DAY)
        for rep in reps.values():
            await in_thread(rep.sync)
        held = {name: (await in_thread(reps[name].registrations))[0] for name in reps}
        assert (held["honest"].state, held["cheat"].state) == states

    assert foretold is State.PROVISIONAL
    assert held["cheat"].clock_flag == "clock_moved"
    assert held["honest"].clock_flag is None
    assert held["honest"].case_id == held["cheat"].case_id is not None
    view = await queries.one(other.rep, await _id_of(other.rep), now=clock.now() + HOUR)
    assert view.reason == "verdict"
    case = await queries.of_registration(other.rep, view.id, now=clock.now() + 42 * DAY)
    assert case.trace_en[-1].endswith("(time of the evidence).")
    await in_thread(lambda: reps["honest"].decide_registration(held["honest"], Verb.RELEASE))
    assert (await in_thread(lambda: reps["honest"].registration_state(held["honest"]))) == (
        State.RELEASED,
        True,
    )


@pytest.mark.parametrize("is_honest", [True, False])
async def test_m12_whoever_has_asked_the_server_registers_nothing_before_that(
    app: Litestar, tmp_path: Path, tenant: Tenant, *, is_honest: bool
) -> None:
    """Whoever asks whether a customer is free, and dates its registration before, is found out.

    Who had registered before it asked says that this waits, and is believed.
    """
    phone, steady_ms = Phone(), [0]
    phone.uptime_ms = lambda: clock.to_ms(clock.now()) - steady_ms[0]  # type: ignore[method-assign] # lies
    with time_machine.travel(clock.now(), tick=True) as time:
        rep = await phone.enrol(app, tenant.rep, tmp_path / "phone.db")
        number = new_phone()
        shop = await in_thread(partial(rep.create_customer, name="福满楼", phone=number))
        assert (await in_thread(rep.sync)).is_complete
        time.shift(HOUR)
        truly_ms = clock.to_ms(clock.now())
        if is_honest:
            await in_thread(lambda: rep.register(shop))
        time.shift(HOUR)
        await in_thread(lambda: _ask(rep, number))
        if not is_honest:
            steady_ms[0] = HOUR_MS
            await in_thread(lambda: rep.register(shop))
        time.shift(HOUR)
        received_ms = clock.to_ms(clock.now())
        assert (await in_thread(rep.sync)).refused == ()

    made = await queries.one(tenant.rep, await _id_of(tenant.rep), now=clock.now() + DAY)
    earliest_ms, latest_ms = clock.to_ms(made.earliest_at), clock.to_ms(made.latest_at)
    if is_honest:
        assert made.clock_flag is None
        assert earliest_ms <= truly_ms + 1_000 < latest_ms + 1_000 < truly_ms + HOUR_MS
    else:
        assert made.clock_flag == "clock_contradicted"
        assert received_ms <= earliest_ms


def _ask(rep: Client, number: str) -> None:
    """Ask as an app does whether a customer is free."""
    way = rep._transport

    def ask(token: str) -> None:
        asked = {"phone": number}
        headers = {"Authorization": f"Bearer {token}"}
        way.http.post("/v1/registrations/checks", json=asked, headers=headers).raise_for_status()

    way.authorised(ask)


async def _id_of(actor: Actor) -> UUID:
    """Give the one registration of a company."""
    page = await queries.list_page(actor, queries.Filters(), now=clock.now())
    return page.items[0].id
