"""Two agents register one shop, one of them in a basement: gathered, decided, disputed, agreed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from mobile_client_sdk.records import Registration
from server.access import Actor, Role, Scope
from server.identity import keys
from server.kit import clock, db
from server.registrations import service
from server.registrations.rules.terms import Terms
from server.registrations.schemas import NewRegistration
from sync_protocol.registering import State, Verb
from world import numbers, populate
from world.api import Api, Json
from world.journey import offline
from world.journey import story as stories
from world.journey.cast import Cast, Company
from world.journey.evidence import Evidence
from world.journey.offline import Phone
from world.journey.patience import until
from world.model import Person
from world.registering import worker

_MORNING: Final = timedelta(hours=15)
"""How long after the one in the basement the other registers."""
_COURT: Final = "/v1/platform/registrations/cases"
_DUMPS: Final = tuple(
    f"SELECT * FROM {table}"  # noqa: S608 - names of tables in this file
    for table in ("registry_entry", "registry_key", "registry_case", "registry_evidence")
)


class Dispute(msgspec.Struct, kw_only=True):
    """One shop, and the two who register it."""

    cast: Cast
    digger: Phone
    """Of the rep in the basement."""
    digging: Company
    other: Phone
    """Of the rep who comes the next morning."""
    company: Company
    third: Api
    """An agent who looks on."""
    name: str
    number: str
    paper: str = ""
    """What shows that the other was there before."""
    customer: str = ""
    mine: UUID
    """The other's registration."""
    theirs: str = ""
    told: list[Any] = []
    """All that the platform was told."""

    async def asked(self, api: Api) -> str:
        """Ask, as anybody may, whether the shop is free."""
        told = await api.post("/v1/registrations/checks", {"phone": self.number})
        return str(told["answer"])

    async def court(self, path: str = "", body: Json | None = None) -> Json:
        """Let the platform's arbitrator look or act, and keep what comes back."""
        staff, path = self.cast.staff, f"{_COURT}{path}"
        came: Json = await (staff.get(path) if body is None else staff.post(path, body))
        self.told.append(came)
        return came

    async def refused(self, path: str) -> str:
        """Say why the platform's arbitrator may not decide."""
        return await self.cast.staff.refusal(f"{_COURT}{path}/verdict", {})

    async def waived(self, path: str) -> None:
        """Let both bring no more evidence to the case."""
        for company, registration in self.sides():
            await _seen(company, registration, lambda seen: bool(seen["evidence_until"]))
            await company.owner.post(f"/v1/registrations/{registration}/waiver", {})
        await until(
            lambda: self.court(path),
            lambda seen: all(party["has_waived"] for party in seen["parties"]),
        )

    def sides(self) -> list[tuple[Company, object]]:
        """Give both parties with their registrations."""
        return [(self.company, self.mine), (self.digging, self.theirs)]


async def in_a_basement(cast: Cast, found: Evidence) -> None:
    """Register a shop without a network; somebody else, who knew it before, the next morning."""
    company, digging = cast.companies[0], cast.companies[1]
    heirs = stories.of(cast).heirs
    number = numbers.start(cast.rng).phone()
    shop = {"name": "地下一层麻辣烫", "phone": number, "city": company.agent.city}
    customer = await company.owner.post(
        "/v1/customers", {**shop, "owner_id": heirs.rep.id, "team_id": heirs.rep.team_id}
    )
    paper = await company.owner.post("/v1/contracts", _contract(cast, customer["id"]))
    digger = await offline.phone(cast, digging, digging.agent.reps()[1])
    await digger.sync()
    dispute = Dispute(
        cast=cast,
        digger=digger,
        digging=digging,
        other=heirs,
        company=company,
        third=cast.companies[2].owner,
        name=shop["name"],
        number=number,
        paper=paper["id"],
        customer=customer["id"],
        mine=UUID(cast.new_id()),
    )
    cast.left["dispute"] = dispute
    digger.network.is_up = False
    client = digger.client
    rep = {"owner_id": str(digger.rep.id), "team_id": str(digger.rep.team_id)}
    made = client.create_customer(**shop, **rep)
    dispute.theirs = client.register(made)
    standing = client.standing(made)
    found.note(in_the_basement=f"{digger.rep.name}: {standing}")
    found.expect("on the phone it is provisional", standing, State.PROVISIONAL)
    found.expect("nobody else knows of it", await dispute.asked(dispute.third), "free")
    await _synced(digger, found)
    found.expect("up the stairs it is being checked", client.standing(made), State.CHECKING)
    answer = await until(
        lambda: dispute.asked(dispute.third), lambda said: said == "ask", timeout_s=10.0
    )
    found.expect("others hear that it is open, and not of whom", answer, "ask")
    async with _server(cast):
        new = NewRegistration(customer_id=UUID(dispute.customer), id=dispute.mine)
        morning = clock.now() + _MORNING
        await service.register(_actor(company, heirs.rep), new, now=morning)
    found.note(the_next_morning=heirs.rep.name)


def _contract(cast: Cast, customer_id: str) -> Json:
    today = stories.of(cast).today
    return {
        "id": cast.new_id(),
        "customer_id": customer_id,
        "title": "意向合同",
        "amount_minor": 128_000,
        "effective_on": today.isoformat(),
        "ends_on": (today + timedelta(days=365)).isoformat(),
    }


def _actor(company: Company, rep: Person) -> Actor:
    """Give a rep as an edge makes it, for what happens at another time than now."""
    return Actor(
        user_id=rep.id,
        tenant_id=company.agent.tenant_id,
        role=Role.SALES_REP,
        scope=Scope(rep.scope),
        team_id=rep.team_id,
        name=rep.name,
    )


@asynccontextmanager
async def _server(cast: Cast) -> AsyncIterator[None]:
    """Be the server in this process, for what it does at another time than now."""
    keys.open_keys(cast.stage.settings)
    async with populate.database(cast.stage.settings):
        yield


async def settled(cast: Cast, found: Evidence) -> None:
    """Let the window go by: decided with all that came, and disputed by the one who lost."""
    dispute: Dispute = cast.left["dispute"]
    window = Terms().settles_after
    before = await _after(cast, clock.now() + window - timedelta(days=1), dispute)
    found.expect("a day before it ends nobody is protected", before, [State.CHECKING] * 2)
    await _after(cast, clock.now() + window + _MORNING, dispute)
    await _synced(dispute.digger, found)
    await _synced(dispute.other, found)
    won, lost = _held(dispute.digger, dispute.theirs), _held(dispute.other, str(dispute.mine))
    found.note(window_days=window.days, first=dispute.digger.rep.name, why=lost.reason)
    found.expect("the basement was first", (won.state, won.reason), (State.GRANTED, None))
    why = (lost.state, lost.reason)
    found.expect("the other is told why", why, (State.REFUSED, "evidence"))
    answers = [
        await dispute.asked(each)
        for each in (dispute.digging.owner, dispute.company.owner, dispute.third)
    ]
    found.expect("who asks hears", answers, ["yours", "protected", "protected"])
    dispute.other.client.decide_registration(lost, Verb.CONTEST)
    await _synced(dispute.other, found)
    mine = await _seen(dispute.company, dispute.mine, lambda seen: bool(seen["case_id"]))
    theirs = await _seen(dispute.digging, dispute.theirs, lambda seen: bool(seen["case_id"]))
    found.note(evidence_until=mine["evidence_until"][:10])
    found.expect("a case is open to both", mine["case_id"], theirs["case_id"])
    stand = (mine["state"], theirs["state"])
    found.expect("and who was first stays protected", stand, ("contested", "granted"))


async def _after(cast: Cast, now: datetime, dispute: Dispute) -> list[str]:
    """Do what the worker does up to a moment, the calendar put forward; say how both stand."""
    async with _server(cast):
        await worker.work_until(now)
        async with db.job_transaction():
            rows = await db.connection().fetch(
                "SELECT state FROM registry_entry WHERE id = ANY ($1)",
                [dispute.mine, UUID(dispute.theirs)],
            )
    return [row["state"] for row in rows]


async def judged(cast: Cast, found: Evidence) -> None:
    """Bring evidence, decide by the published rules, and read the same words on both sides."""
    dispute: Dispute = cast.left["dispute"]
    await _synced(dispute.other, found)
    held = _held(dispute.other, str(dispute.mine))
    dispute.other.client.show_evidence(held, kind="contract", record_id=dispute.paper)
    await _synced(dispute.other, found)
    assert held.case_id is not None, "it was contested"
    path = f"/{held.case_id}"
    waiting = await dispute.court()
    line = [each for each in waiting["items"] if each["id"] == held.case_id]
    found.expect("it lies in the court", [each["parties"] for each in line], [2])
    case = await until(lambda: dispute.court(path), lambda seen: seen["evidence"])
    kinds = [(each["kind"], each["is_vouched"]) for each in case["evidence"]]
    found.expect("with evidence that the server saw", kinds, [("contract", True)])
    early = await dispute.refused(path)
    found.expect("nobody decides before both were heard", early, "evidence_open")
    await dispute.waived(path)
    ruled = await dispute.court(f"{path}/verdict", {})
    found.note(verdict=" · ".join(ruled["trace_zh"]))
    names = [line.partition("：")[0] for line in ruled["trace_zh"]]
    wanted = ["独家区域权", "有效报备", "证据时间", "结论"]
    found.expect("each rule says what it compared", names, wanted)
    await _expect_same(dispute, ruled, found)
    await _expect_agreed(dispute, found, loser="revoked")


async def appealed(cast: Cast, found: Evidence) -> None:
    """Have it looked at once more: the same, for good; the platform has seen no customer."""
    dispute: Dispute = cast.left["dispute"]
    path = f"/v1/registrations/{dispute.theirs}"
    asked = {"reason": "我在地下室先报的，当时没有信号"}
    owner = dispute.digging.owner
    case = await owner.post(f"{path}/appeal", asked)
    found.expect("the appeal is heard", case["state"], "appealed")
    await dispute.waived(f"/{case['id']}")
    same = await dispute.refused(f"/{case['id']}")
    found.expect("who decided first does not hear it", same, "appeal_by_same")
    await _after(cast, clock.now() + timedelta(days=Terms().decide_days, hours=1), dispute)
    ruled = await dispute.court(f"/{case['id']}")
    found.expect("the second verdict is the last", ruled["state"], "closed")
    found.expect("by the same rules it is the same", ruled["winner"], case["winner"])
    again = await owner.refusal(f"{path}/appeal", asked)
    found.expect("nobody appeals twice", again, "appealed_once")
    await _expect_same(dispute, ruled, found)
    await _expect_agreed(dispute, found, loser="refused")
    await _expect_nobody(dispute, found)


async def _expect_same(dispute: Dispute, ruled: Json, found: Evidence) -> None:
    """Expect both parties to read what the arbitrator reads, each to know which of them it is."""
    for company, registration in dispute.sides():
        seen = await company.owner.get(f"/v1/registrations/{registration}/case")
        same = [seen[name] == ruled[name] for name in ("trace_zh", "verdict_hash", "winner")]
        found.expect(f"{company.agent.short_name} reads the same", same, [True] * 3)
        you = [party["label"] for party in seen["parties"] if party["is_you"]]
        found.expect(f"{company.agent.short_name} knows which it is", len(you), 1)


async def _expect_agreed(dispute: Dispute, found: Evidence, *, loser: str) -> None:
    """Expect both phones to show the end after their next sync."""
    await _seen(dispute.company, dispute.mine, lambda seen: seen["state"] == "granted")
    await _seen(dispute.digging, dispute.theirs, lambda seen: seen["state"] == loser)
    await _synced(dispute.other, found)
    await _synced(dispute.digger, found)
    won, lost = _held(dispute.other, str(dispute.mine)), _held(dispute.digger, dispute.theirs)
    found.note(on_the_phones=f"{won.state}, {lost.state} ({lost.reason})")
    told = [(won.state, won.reason), (lost.state, lost.reason)]
    found.expect("both phones agree", told, [("granted", None), (loser, "verdict")])
    found.expect("on one case", won.case_id, lost.case_id)


async def _expect_nobody(dispute: Dispute, found: Evidence) -> None:
    """Expect the platform to have met no phone and no name, and agents to know that it looked."""
    told, rows = str(dispute.told), 0
    async with _server(dispute.cast), db.job_transaction():
        for dump in _DUMPS:
            held = await db.connection().fetch(dump)
            told, rows = told + str(held), rows + len(held)
    seen = [what for what in (dispute.number[-8:], dispute.name) if what in told]
    found.note(answers_to_the_platform=len(dispute.told), rows_of_the_registry=rows)
    found.expect("the platform saw no phone and no name", seen, [])
    for company in (dispute.company, dispute.digging):
        feed = [each["what"] async for each in company.owner.every("/v1/platform-reads")]
        found.expect_that(
            f"{company.agent.short_name} sees that the court looked",
            holds="registrations.case" in feed,
            seen=feed[:3],
        )


async def _seen(company: Company, registration: object, is_there: Callable[[Json], bool]) -> Json:
    """Give how a registration stands, once the worker has come so far."""
    path = f"/v1/registrations/{registration}"
    seen: Json = await until(lambda: company.owner.get(path), is_there)
    return seen


def _held(phone: Phone, registration: str) -> Registration:
    """Give what a phone shows of a registration."""
    held = phone.client.get(Registration, registration)
    assert held is not None, "the phone has synced since"
    return held


async def _synced(phone: Phone, found: Evidence) -> None:
    """Sync with the network, and expect nothing to be refused."""
    phone.network.is_up = True
    report = await phone.sync()
    told = (str(report.state), report.pending, [each.code for each in report.refused])
    found.expect(f"{phone.rep.name}'s phone has synced", told, ("complete", 0, []))
