"""What is kept when records are merged and people leave; what the company and platform count."""

import asyncio
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

# Every room says what it has beneath a customer when it is imported; a night's recycling asks all.
import server.app
from server.customers.pools import recycling
from server.customers.pools.recycling import Done
from world import populate
from world.api import Json
from world.journey import platform
from world.journey import story as stories
from world.journey.cast import Cast
from world.journey.evidence import Evidence
from world.journey.offline import Phone
from world.journey.patience import until
from world.journey.story import Story
from world.people import instant
from world.terminal import yuan

__all__ = ["campaign_counted", "handed_over", "merged_and_parted", "platform_agrees", "recycled"]

assert server.app.ROUTERS, "the server's rooms are there"

_DATED: Final = frozenset({"seq", "updated_at", "customer_seq"})
"""Says when a record was written last, not what it says."""
_LISTS: Final = ("opportunities", "calls", "attachments")
_OF_CUSTOMER: Final = ("visits", "tasks", "quotes", "contracts")
_OVER_DAYS: Final = 30
_WARN_DAYS: Final = 7
_GONE: Final = 404
_UNAUTHENTICATED: Final = 401


async def _whole(story: Story, customer_id: str) -> Json:
    """Read everything that the company holds of a customer, but for when it was written."""
    owner, path = story.owner, f"/v1/customers/{customer_id}"
    parts: Json = {"detail": await owner.get(path)}
    for name in _LISTS:
        parts[name] = await owner.get(f"{path}/{name}")
    for name in _OF_CUSTOMER:
        parts[name] = (await owner.get(f"/v1/{name}", customer_id=customer_id))["items"]
    return {name: _said(part) for name, part in parts.items()}


def _said(part: Any) -> Any:
    """Leave out when it was written; give lists in one order."""
    if isinstance(part, dict):
        return {name: _said(value) for name, value in part.items() if name not in _DATED}
    if isinstance(part, list):
        return sorted((_said(each) for each in part), key=repr)
    return part


def _records(whole: Json) -> int:
    """Count the records of a customer, itself among them."""
    detail = whole["detail"]
    own = 1 + sum(len(detail[name]) for name in ("stores", "contacts", "notes"))
    return own + sum(len(whole[name]) for name in (*_LISTS, *_OF_CUSTOMER))


def _apart(before: Json, after: Json) -> list[str]:
    """Name the parts that are not as they were."""
    return [name for name, part in before.items() if after[name] != part]


# ------------------------------------------------------------------------------------- duplicate


async def merged_and_parted(cast: Cast, found: Evidence) -> None:
    """Enter a customer again without a network, find it out, merge, and take the merge back."""
    story, client = stories.of(cast), stories.of(cast).heirs.client
    story.heirs.network.is_up = False
    double = client.create_customer(
        name=f"{story.name}（总店）",
        phone=story.number,
        status="need",
        remark="邻居介绍的，问过价格",
        owner_id=str(story.heirs.rep.id),
        team_id=str(story.heirs.rep.team_id),
    )
    client.add_contact(double, name="周店长", title="店长")
    client.add_note(double, "电话里说已经有人来过，回去查一下。")
    client.add_task(double, "查重")
    await _sync(story.heirs, found)
    pair = {double.id, story.customer}
    pairs = await until(
        lambda: story.manager.get("/v1/customers/duplicate-pairs"), lambda page: page["items"] != []
    )
    told = [{each["first_id"], each["second_id"]} for each in pairs["items"]]
    found.expect_that("the pair is found", holds=pair in told, seen=told)
    before = [await _whole(story, each) for each in (story.customer, double.id)]
    shown = _shown(story.heirs)
    path = f"/v1/customers/{double.id}"
    merge = await story.manager.post(f"{path}/merge", {"into_id": story.customer})
    one = await _whole(story, story.customer)
    found.note(
        records_of_the_one=_records(before[0]),
        of_the_other=_records(before[1]),
        of_both_together=_records(one),
    )
    together = _records(before[0]) + _records(before[1]) - 1
    found.expect("the one has what belonged to both", _records(one), together)
    asked = await story.owner.raw("GET", path)
    found.expect("the other is no more", asked.status_code, _GONE)
    await _sync(story.heirs, found)
    held = client.customer(double.id)
    found.expect("nor on a phone", held, None)
    parted = await story.manager.post(f"{story.path}/merges/{merge['id']}/undoing")
    after = [await _whole(story, each) for each in (story.customer, double.id)]
    found.note(moved=merge["moved"], moved_back=parted["moved"])
    found.expect("what moved has moved back", parted["moved"], merge["moved"])
    for name, one_before, one_after in zip(("one", "other"), before, after, strict=True):
        found.expect(f"the {name} is what it was, to the word", _apart(one_before, one_after), [])
    await _sync(story.heirs, found)
    found.expect("so are both on the phone", _differing(shown, _shown(story.heirs)), [])


def _shown(phone: Phone) -> dict[tuple[str, str], Json]:
    """Give what a phone shows: its records, and of the conflicts those that are open."""
    is_open = {each.id for each in phone.client.conflicts()}
    return {
        key: said for key, said in phone.view().items() if key[0] != "conflict" or key[1] in is_open
    }


def _differing(
    before: dict[tuple[str, str], Json], after: dict[tuple[str, str], Json]
) -> list[Any]:
    """Name the records that a phone shows otherwise."""
    keys = before.keys() | after.keys()
    return [key for key in keys if before.get(key) != after.get(key)][:5]


async def _sync(phone: Phone, found: Evidence) -> None:
    """Sync with the network, and expect everything to be sent."""
    phone.network.is_up = True
    report = await phone.sync()
    told = (str(report.state), report.pending, report.refused)
    found.expect(f"{phone.rep.name}'s phone has synced", told, ("complete", 0, ()))


# -------------------------------------------------------------------------------------- hand-over


async def handed_over(cast: Cast, found: Evidence) -> None:
    """Let the rep leave: a colleague has every customer, and nothing of them begins anew."""
    story = stories.of(cast)
    leaver, heir = story.phone.rep, story.heirs.rep
    book = [x async for x in story.owner.every("/v1/customers", owner_id=leaver.id, limit=100)]
    before = await _whole(story, story.customer)
    order = {"id": cast.new_id(), "from_id": leaver.id, "to_ids": [heir.id], "reason": "离职"}
    for _ in range(2):
        done = await story.owner.post("/v1/bulk-changes/hand-overs", order)
    found.note(
        customers_handed_over=done["changed"], who_leaves=leaver.name, who_has_them=heir.name
    )
    found.expect("asked twice, all of them went once", done["changed"], len(book))
    now = {
        x["id"]: x async for x in story.owner.every("/v1/customers", owner_id=heir.id, limit=100)
    }
    other = [x["id"] for x in book if _as_handed(x, str(heir.id)) != _said(now.get(x["id"]))]
    found.expect("of each its owner has changed and nothing else", other[:3], [])
    changed = set(_changed(before, await _whole(story, story.customer)))
    # Whose it is, and whose the work is that is still to be done; who did something did it.
    wanted = {
        (where, str(leaver.id), str(heir.id))
        for where in (
            "detail.customer.owner_id",
            "opportunities.owner_id",
            "tasks.assignee_id",
            "contracts.account_manager_id",
        )
    }
    found.expect("of its deal, visit and papers only who is in charge", changed, wanted)
    session = story.phone.client.session
    assert session is not None, "the phone is enrolled"
    await story.owner.post(f"/v1/users/{leaver.id}/disabling")
    refused = await story.rep.raw("POST", f"{story.path}/notes", json={"body": "再见"})
    found.expect("who left writes nothing more", refused.status_code, _UNAUTHENTICATED)
    found.expect("nor is the phone", str((await story.phone.sync()).state), "signed_out")
    await story.owner.post(f"/v1/devices/{session.device_id}/revocation")
    report = await story.phone.sync()
    found.note(the_phone_of_who_left=str(report.state))
    found.expect("and its data are destroyed", str(report.state), "wiped")
    await _sync(story.heirs, found)
    client = story.heirs.client
    held = client.customer(story.customer)
    found.expect("the colleague's phone has the customer", held and held.owner_id, str(heir.id))
    seen = [len(part(story.customer)) for part in (client.visits, client.deals, client.contracts)]
    found.expect("with its visit, its deal and its contract", seen, [1, 1, 1])


def _changed(before: Any, after: Any, where: str = "") -> Iterable[tuple[str, Any, Any]]:
    """Name each field that is not as it was, with both values."""
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for name, value in before.items():
            yield from _changed(value, after[name], f"{where}.{name}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for one, other in zip(before, after, strict=True):
            yield from _changed(one, other, where)
    elif before != after:
        yield where, before, after


def _as_handed(customer: Json, heir: str) -> Json:
    """Give a customer as it should be once it is somebody else's."""
    said: Json = _said({**customer, "owner_id": heir})
    return said


# ----------------------------------------------------------------------------------------- pools


async def recycled(cast: Cast, found: Evidence) -> None:
    """Let the contract run out: the owner is warned, the pool takes it, one of three gets it."""
    story = stories.of(cast)
    pool = cast.new_id()
    await story.owner.post(
        "/v1/pools",
        {
            "id": pool,
            "name": "到期未续",
            "cooling_days": 30,
            "warn_days": _WARN_DAYS,
            "recycle_rules": [{"trigger": "contract_end", "days": _OVER_DAYS}],
        },
    )
    due = story.ends_on + timedelta(days=_OVER_DAYS)
    nights = [story.ends_on, due - timedelta(days=_WARN_DAYS), due]
    kept, warned, taken = [await _night(story, each) for each in nights]
    found.note(contract_ends=story.ends_on, warned=nights[1], taken=nights[2])
    found.expect("on its last day the contract keeps it", kept, Done())
    found.expect("then its owner is warned", warned, Done(warned=1))
    found.expect("and it falls into the pool", taken, Done(recycled=1))
    lying = (await story.heir.get(f"/v1/pools/{pool}/customers"))["items"]
    found.expect(
        "there it lies", [(x["id"], x["reason"]) for x in lying], [(story.customer, "contract_end")]
    )
    found.expect_that("nobody can call it", holds=story.number[-8:] not in str(lying))
    pick = f"/v1/pools/customers/{story.customer}/pick"
    found.expect("who had it cools off", await story.heir.refusal(pick), "cooling_off")
    third = story.company.api(story.third)
    names = [story.third.name, story.company.agent.managers()[0].name]
    refusals = await asyncio.gather(*(each.refusal(pick) for each in (third, story.manager)))
    winners = [name for name, refusal in zip(names, refusals, strict=True) if not refusal]
    found.note(picked_by=winners)
    found.expect("of two at once one gets it", sorted(refusals), ["", "not_in_pool"])
    customer = (await story.owner.get(story.path))["customer"]
    people = {person.name: str(person.id) for person in story.company.agent.people}
    owner = [people[each] for each in winners]
    found.expect("and is its owner", [customer["owner_id"]], owner)
    seen = (customer["name"], customer["status"])
    found.expect("it is the customer that it was", seen, (story.name, "signed"))


async def _night(story: Story, day: date) -> Done:
    """Do what the worker does in a night, the calendar put forward to it."""
    async with populate.database(story.cast.stage.settings):
        return await recycling.recycle(story.company.agent.tenant_id, now=instant(day, hour=3))


# ----------------------------------------------------------------------------------------- counts


async def campaign_counted(cast: Cast, found: Evidence) -> None:
    """Compare what the company is told of its campaign with what came to pass."""
    story = stories.of(cast)
    [result] = [
        each
        for each in await story.manager.get("/v1/leads/results")
        if each["source_id"] == story.source
    ]
    truth = {
        "leads": 2,
        "discarded": 0,
        "signed": 1,
        "cost_minor": story.spent_minor,
        "signed_minor": story.signed_minor,
        "cost_per_lead_minor": story.spent_minor // 2,
        "cost_per_signed_minor": story.spent_minor,
        "value_per_signed_minor": story.signed_minor,
    }
    found.note(
        cost_of_a_lead=yuan(result["cost_per_lead_minor"]),
        of_a_signing=yuan(result["cost_per_signed_minor"]),
        worth_of_it=yuan(result["value_per_signed_minor"]),
    )
    found.expect("the channel's figures are the truth", _of(result, truth), truth)
    campaign = await story.manager.get(f"/v1/campaigns/{story.campaign}")
    truth = {
        "leads": 2,
        "signed": 1,
        "spent_minor": story.spent_minor,
        "signed_minor": story.signed_minor,
    }
    found.expect("so are the campaign's", _of(campaign, truth), truth)
    [cohort, *_] = await story.manager.get("/v1/leads/funnel")
    steps = {each["stage"]: each["leads"] for each in cohort["steps"]}
    found.note(funnel=steps)
    # Two more came with the file of act one, and wait for a manager.
    wanted = {"lead": 4, "pre_opportunity": 1, "opportunity": 1, "signed": 1}
    found.expect("the cohort's funnel too", steps, wanted)
    [won, *_] = (await story.manager.get("/v1/pipeline"))["stages"][::-1]
    seen = (won["stage"], won["deals"], won["amount_minor"])
    found.note(pipeline_won=yuan(won["amount_minor"]))
    found.expect("the pipeline has one won deal", seen[:2], ("signed", 1))


def _of(told: Json, names: Iterable[str]) -> Json:
    """Take some of what was told."""
    return {name: told[name] for name in names}


async def platform_agrees(cast: Cast, found: Evidence) -> None:
    """Compare the platform's funnel with the tenants' customers once more, signature and all."""
    await platform.counts_agree(cast, found)
