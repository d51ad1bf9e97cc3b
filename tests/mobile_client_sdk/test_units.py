"""A phone promises benefits with units that it holds, and names each of them once."""

from dataclasses import dataclass, field
from uuid import UUID

import pytest

from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.testing.company import Company, refuse
from sync_protocol.messages import Code, Intent, Outcome, Status
from tests.mobile_client_sdk.people import Phones

PROGRAM = "00000000-0000-7000-8000-0000000000aa"
FAR_MS = 2**50


@dataclass
class Server:
    """Leases units and keeps promises, as the server's room does; counts what is named twice."""

    held: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    until_ms: int = FAR_MS
    is_recalled: bool = False
    is_spent: bool = False
    made: int = 0
    leases: list[str] = field(default_factory=list)
    """Their ids."""

    def lease(self, _server: Company, _user_id: str, intent: Intent) -> Outcome:
        count = intent.args["count"]
        self.leases.append(intent.id)
        if not count:
            self.held, self.is_recalled = [], False
        elif self.is_recalled and self.held:
            return Outcome(number=intent.number, status=Status.REJECTED, code="lease_recalled")
        while len(self.held) < count:
            self.made += 1
            self.held.append(f"00000000-0000-7000-8000-{self.made:012d}")
        told = {
            "program_id": intent.args["program_id"],
            "unit_ids": list(self.held),
            "until_ms": self.until_ms if count else None,
            "amount_minor": 5_000,
            "currency": "CNY",
            "limit_per_customer": 1,
        }
        return Outcome(number=intent.number, status=Status.APPLIED, code=Code.APPLIED, told=told)

    def request(self, _server: Company, _user_id: str, intent: Intent) -> Outcome:
        unit = intent.args.get("unit_id")
        if unit is None:
            return self.plain(intent)
        is_kept = unit in self.held
        (self.kept if is_kept else self.broken).append(unit)
        if is_kept:
            self.held.remove(unit)
        return Outcome(
            number=intent.number,
            status=Status.APPLIED if is_kept else Status.REJECTED,
            code=Code.APPLIED if is_kept else "budget_exhausted",
        )

    def plain(self, intent: Intent) -> Outcome:
        """Decide a request without a unit."""
        return Outcome(
            number=intent.number,
            status=Status.REJECTED if self.is_spent else Status.APPLIED,
            code="budget_exhausted" if self.is_spent else Code.APPLIED,
        )


@pytest.fixture
def server(phones: Phones) -> Server:
    """A server that leases."""
    made = Server()
    phones.server.intents |= {"benefits.lease": made.lease, "benefits.request": made.request}
    return made


def test_what_is_promised_offline_is_kept(phones: Phones, server: Server) -> None:
    wang = phones.enrol("王芳")
    shops = [wang.create_customer(name=name) for name in ("福满楼", "老街茶庄", "东来顺")]
    wang.lease_units(PROGRAM, 2)
    assert wang.units_left(PROGRAM) == 0
    wang.sync()
    assert wang.units_left(PROGRAM) == 2

    for shop in shops[:2]:
        wang.promise_benefit(shop, program_id=PROGRAM)

    assert wang.units_left(PROGRAM) == 0
    with pytest.raises(NotPossible, match="no_units"):
        wang.promise_benefit(shops[2], program_id=PROGRAM)
    assert wang.sync().refused == ()
    assert (len(server.kept), server.broken) == (2, [])


def test_a_customer_is_not_promised_more_than_one_may_have(phones: Phones, server: Server) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    wang.lease_units(PROGRAM, 3)
    wang.sync()
    wang.promise_benefit(shop, program_id=PROGRAM)

    with pytest.raises(NotPossible, match="customer_limit_reached"):
        wang.promise_benefit(shop, program_id=PROGRAM)

    assert wang.units_left(PROGRAM) == 2


@pytest.mark.parametrize("is_heard", [True, False])
def test_what_was_requested_without_a_unit_counts_to_what_one_may_have(
    phones: Phones, server: Server, *, is_heard: bool
) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    wang.lease_units(PROGRAM, 1)
    wang.sync()
    wang.intend("benefits.request", customer_id=shop.id, program_id=PROGRAM)
    if is_heard:
        wang.sync()

    with pytest.raises(NotPossible, match="customer_limit_reached"):
        wang.promise_benefit(shop, program_id=PROGRAM)


def test_what_was_refused_without_a_unit_counts_no_more(phones: Phones, server: Server) -> None:
    server.is_spent = True
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    wang.lease_units(PROGRAM, 1)
    wang.intend("benefits.request", customer_id=shop.id, program_id=PROGRAM)
    wang.sync()

    wang.promise_benefit(shop, program_id=PROGRAM)

    assert wang.sync().refused == ()
    assert (len(server.kept), server.broken) == (1, [])


def test_a_lease_asked_for_before_a_promise_frees_no_unit_that_it_named(
    phones: Phones, server: Server
) -> None:
    wang = phones.enrol("王芳")
    shops = [wang.create_customer(name=f"店{number}") for number in range(5)]
    wang.lease_units(PROGRAM, 2)
    wang.sync()

    wang.lease_units(PROGRAM, 4)
    wang.promise_benefit(shops[0], program_id=PROGRAM)
    wang.sync()
    assert wang.units_left(PROGRAM) == 3
    for shop in shops[1:4]:
        wang.promise_benefit(shop, program_id=PROGRAM)
    wang.sync()

    assert (len(server.kept), server.broken) == (4, [])


def test_what_is_given_back_is_promised_no_more_whatever_an_older_answer_says(
    phones: Phones, server: Server
) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    wang.lease_units(PROGRAM, 2)
    wang.sync()

    wang.lease_units(PROGRAM, 3)
    wang.lease_units(PROGRAM, 0)
    wang.sync()

    with pytest.raises(NotPossible, match="no_units"):
        wang.promise_benefit(shop, program_id=PROGRAM)
    assert server.held == []


def test_what_is_called_back_is_given_back_in_the_same_sync(phones: Phones, server: Server) -> None:
    wang = phones.enrol("王芳")
    shops = [wang.create_customer(name=f"店{number}") for number in range(2)]
    wang.lease_units(PROGRAM, 3)
    wang.sync()
    server.is_recalled = True

    wang.promise_benefit(shops[0], program_id=PROGRAM)
    wang.lease_units(PROGRAM, 3)
    wang.promise_benefit(shops[1], program_id=PROGRAM)
    report = wang.sync()

    assert [outcome.code for outcome in report.refused] == ["lease_recalled"]
    assert (len(server.kept), server.broken, server.held) == (2, [], [])
    assert wang.units_left(PROGRAM) == 0


def test_why_a_lease_brings_nothing_is_said_in_the_persons_language(phones: Phones) -> None:
    phones.server.intents["benefits.lease"] = refuse(
        "lease_limit_reached", "As much as may stands."
    )
    wang = phones.enrol("王芳")

    wang.lease_units(PROGRAM, 3)
    wang.sync()

    [refused] = wang.refusals()
    assert refused.sentence() == "没有保存到服务器：设备预领额度已到上限。"
    assert refused.sentence("en") == "Not accepted: no more may stand on devices now."


def test_a_lease_is_dated_by_the_servers_time_whatever_the_clock_says(
    phones: Phones, server: Server
) -> None:
    phones.skew_ms["王芳"] = 400 * 86_400_000
    wang = phones.enrol("王芳")
    wang.sync()

    wang.lease_units(PROGRAM, 2)
    wang.sync()

    made_ms = UUID(server.leases[-1]).int >> 80
    assert abs(made_ms - phones.clock_ms()) < 86_400_000


def test_what_is_over_is_promised_no_more(phones: Phones, server: Server) -> None:
    wang = phones.enrol("王芳")
    shop = wang.create_customer(name="福满楼")
    server.until_ms = 0
    wang.lease_units(PROGRAM, 2)
    wang.sync()

    with pytest.raises(NotPossible, match="no_units"):
        wang.promise_benefit(shop, program_id=PROGRAM)


def test_a_promise_that_was_undone_leaves_its_unit(phones: Phones, server: Server) -> None:
    wang = phones.enrol("王芳")
    shops = [wang.create_customer(name=f"店{number}") for number in range(2)]
    wang.lease_units(PROGRAM, 2)
    wang.sync()

    def promise_the_first_twice() -> None:
        with wang.group():
            for shop in (*shops, shops[0]):
                wang.promise_benefit(shop, program_id=PROGRAM)

    with pytest.raises(NotPossible):
        promise_the_first_twice()

    assert wang.units_left(PROGRAM) == 2


def test_a_phone_that_crashed_or_was_restored_names_no_unit_twice(
    phones: Phones, server: Server
) -> None:
    wang = phones.enrol("王芳")
    shops = [wang.create_customer(name=f"店{number}") for number in range(4)]
    wang.lease_units(PROGRAM, 3)
    wang.sync()
    image = phones.file("王芳").read_bytes()
    wang.promise_benefit(shops[0], program_id=PROGRAM)
    wang.close()
    wang = phones.open("王芳")
    assert wang.units_left(PROGRAM) == 2
    wang.promise_benefit(shops[1], program_id=PROGRAM)
    wang.sync()
    wang.close()

    phones.file("王芳").write_bytes(image)
    wang = phones.open("王芳")
    wang.add_note(shops[0], "旧手机又用上了")
    wang.sync()
    assert wang.units_left(PROGRAM) == 0
    wang.lease_units(PROGRAM, 2)
    wang.sync()
    for shop in shops[2:]:
        wang.promise_benefit(shop, program_id=PROGRAM)
    wang.sync()

    assert (len(set(server.kept)), server.broken) == (4, [])


@pytest.mark.parametrize("count", [-1, 21])
def test_a_phone_asks_for_no_more_than_it_may_hold(phones: Phones, count: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 20"):
        phones.enrol("王芳").lease_units(PROGRAM, count)
