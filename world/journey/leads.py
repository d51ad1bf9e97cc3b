"""A campaign brings a lead, and the product says who gets it and why."""

import asyncio
import time
from datetime import timedelta
from typing import Final

from world import names, numbers
from world.api import Api, Json
from world.journey import story as stories
from world.journey.cast import Cast
from world.journey.evidence import Evidence
from world.journey.story import Story
from world.terminal import yuan

_BUDGET: Final = 500_000
_SPENT: Final = 320_000
_PERSON_S: Final = 2.1
"""Nobody fills a page in faster; the server refuses who does."""
_NEED: Final = "两家门店想换收银和会员系统，年底前用上"


async def campaign(cast: Cast, found: Evidence) -> None:
    """Spend a budget and no more, open a public page, and let somebody leave a phone on it."""
    story = stories.begin(cast)
    story.source, story.campaign, story.spent_minor = cast.new_id(), cast.new_id(), _SPENT
    source = {"id": story.source, "name": "年末展会", "channel": "event", "cost_key": "expo"}
    await story.manager.post("/v1/lead-sources", source)
    plan = {
        "id": story.campaign,
        "name": f"{story.company.agent.city}餐饮零售展",
        "source_id": story.source,
        "starts_on": story.today.isoformat(),
        "ends_on": (story.today + timedelta(days=3)).isoformat(),
        "budget_minor": _BUDGET,
        "planned_leads": 2,
    }
    await story.manager.post("/v1/campaigns", plan)
    cost = {"spent_on": story.today.isoformat(), "campaign_id": story.campaign}
    spent = {"id": cast.new_id(), "amount_minor": _SPENT, **cost}
    for _ in range(2):
        await story.manager.post("/v1/campaigns/costs", spent)
    more = {"id": cast.new_id(), "amount_minor": _BUDGET - _SPENT + 1, **cost}
    refusal = await story.manager.refusal("/v1/campaigns/costs", more)
    found.expect("one fen beyond the budget is refused", refusal, "campaign_over_budget")
    form = await story.manager.post(
        f"/v1/campaigns/{story.campaign}/forms", {"title": "预约演示，当天回电"}
    )
    await _leave_phone(story, form["address"].rpartition("/")[2], found)
    view = await story.manager.get(f"/v1/campaigns/{story.campaign}")
    found.note(campaign=plan["name"], budget=yuan(_BUDGET), spent=yuan(view["spent_minor"]))
    found.expect("a cost told twice is spent once", view["spent_minor"], _SPENT)
    found.expect("the campaign has its lead", view["leads"], 1)


async def _leave_phone(story: Story, token: str, found: Evidence) -> None:
    """Leave a phone on the campaign's page as anybody does: a program is refused, twice is once."""
    rng = story.cast.rng
    story.name = f"{names.brand(rng)}{rng.randrange(10**4):04d}餐饮"
    story.number = numbers.start(rng).phone()
    async with Api(story.cast.stage.url) as anybody:
        page: Json = await anybody.get(f"/v1/lead-forms/{token}")
        opened = time.monotonic()
        left = {
            "id": page["id"],
            "stamp": page["stamp"],
            "name": story.name,
            "phone": story.number,
            "city": story.company.agent.city,
            "need": _NEED,
            "has_consented": True,
        }
        path = f"/v1/lead-forms/{token}"
        found.expect("a program is refused", await anybody.refusal(path, left), "form_refused")
        await asyncio.sleep(max(0.0, _PERSON_S - (time.monotonic() - opened)))
        for _ in range(2):
            await anybody.post(path, left)
    told = await story.manager.get("/v1/leads", campaign_id=story.campaign)
    found.expect("a page sent twice is one lead", [x["id"] for x in told["items"]], [page["id"]])
    lead: Json = told["items"][0]
    story.customer = lead["id"]
    seen = [lead[name] for name in ("verdict", "state", "source_id", "stage")]
    found.expect("it is clean and names its source", seen, ["clean", "ready", story.source, "lead"])
    found.expect_that("who left it consented", holds=lead["consented_at"] is not None)
    found.expect_that(
        "its phone is hidden in the list", holds=story.number[-8:] not in str(lead["phone"])
    )


async def routed(cast: Cast, found: Evidence) -> None:
    """Let the product find who gets the lead: not the absent, whose territory, who has least."""
    story = stories.of(cast)
    chosen, other, away = story.phone.rep, story.heirs.rep, story.third
    day = {"starts_on": story.today.isoformat(), "ends_on": story.today.isoformat()}
    await story.owner.post(f"/v1/users/{away.id}/absences", {**day, "note": "培训"})
    city = story.company.agent.city
    for holder in (chosen, other, away):
        await story.owner.post("/v1/leads/territories", {"holder_id": holder.id, "city": city})
    # The colleague has a lead already, given by hand; whoever is away would get none even so.
    first = await story.manager.post(
        "/v1/leads",
        {
            "id": cast.new_id(),
            "name": f"{names.brand(cast.rng)}{cast.rng.randrange(10**4):04d}超市",
            "phone": numbers.start(cast.rng).phone(),
            "city": city,
            "campaign_id": story.campaign,
        },
    )
    by_hand = f"/v1/leads/{first['ids'][0]}/routing"
    refusal = await story.manager.refusal(by_hand, {"person_id": away.id})
    found.expect("nobody away is given a lead by hand", refusal, "person_absent")
    await story.manager.post(by_hand, {"person_id": other.id})
    answer = await story.manager.post(f"/v1/leads/{story.customer}/routing", {})
    why = {each["code"]: each["values"] for each in answer["reasons"]}
    people = {str(each.id): each.name for each in (chosen, other, away)}
    found.note(
        goes_to=people[answer["person_id"]],
        because=" → ".join(
            f"{code} {'、'.join(people[each] for each in values.get('people', []))}".strip()
            for code, values in why.items()
        ),
    )
    found.expect("who has the fewest leads gets it", answer["person_id"], str(chosen.id))
    found.expect("each reason is told", list(why), ["absent", "territory", "load"])
    found.expect("who is away is named", why["absent"]["people"], [str(away.id)])
    holders = sorted([str(chosen.id), str(other.id)])
    found.expect("so is who holds the place", sorted(why["territory"]["people"]), holders)
    found.expect("and who has least to do", why["load"]["people"], [str(chosen.id)])
    held = await story.manager.get(f"/v1/leads/{story.customer}")
    found.expect("the lead keeps its reasons", held["reasons"], answer["reasons"])
    customer = (await story.owner.get(story.path))["customer"]
    seen = (customer["name"], customer["owner_id"], customer["status"], customer["remark"])
    wanted = (story.name, str(chosen.id), "potential", _NEED)
    found.expect("it is a customer of the rep by now", seen, wanted)
