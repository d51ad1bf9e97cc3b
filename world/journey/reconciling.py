"""The agent's own book of its benefits, with breaks planted in it, against the platform's."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from server.kit import clock
from server.kit.sheets import csv_of
from world.api import Api, Json
from world.journey.cast import Cast
from world.journey.evidence import Evidence
from world.journey.patience import until
from world.people import CHINA

_HEADER: Final = ("权益编号", "客户标识", "客户名称", "活动", "金额", "币种", "日期", "状态")
_FIELDS: Final = ("id", "customer", "name", "program", "amount", "currency", "day", "state")
_STATES: Final = {"issued": "有效", "redeemed": "已核销", "voided": "已撤销", "expired": "已过期"}
_ELSEWHERE: Final = "别处的活动"
_BREAKS: Final = (
    *("missing_there", "duplicate_there", "amount_differs", "currency_differs", "period_differs"),
    *("program_differs", "customer_differs", "sum_differs", "expired"),
)
"""What is planted on benefits that count, each on another one, as long as one is left right."""
_AT_LEAST: Final = 6

Row = dict[str, str]


async def reconciled(cast: Cast, found: Evidence) -> None:
    """Compare the month with the agent's file, by a saved map; explain and settle each break."""
    owner, finance = cast.companies[0].owner, cast.finance
    assert finance is not None, "the platform opens first"
    content, planted = await _file(cast)
    source = await _source(cast)
    month = f"{clock.now().astimezone(CHINA):%Y-%m}"
    file_id = cast.new_id()
    path = f"reconciliation/files/{file_id}"
    handed = {"id": file_id, "source_id": source, "month": month, "file_name": "自家台账.csv"}
    for _ in range(2):
        await finance.raw(
            "POST", "/v1/platform/reconciliation/files", params=handed, content=content
        )
    file: Json = await until(
        partial(finance.get, f"/v1/platform/{path}"), lambda told: told["state"] != "loading"
    )
    found.note(matched=file["matches"], breaks=file["exceptions"])
    found.expect("sent twice, it is compared once", file["state"], "compared")
    breaks = {each["id"]: each async for each in finance.every(f"/v1/platform/{path}/exceptions")}
    seen = sorted((each["kind"], len(each["there"])) for each in breaks.values())
    found.expect("the planted breaks are found, and no other", seen, sorted(planted))
    mirrored = [each["id"] async for each in owner.every(f"/v1/{path}/exceptions")]
    found.expect("both sides see the same", sorted(mirrored), sorted(breaks))
    await _settled(owner, finance, breaks.values())
    file = await finance.get(f"/v1/platform/{path}")
    left = {each["side"]: each["open_minor"] for each in file["sides"]}
    found.expect("each is answered and settled", left, {"here": 0, "there": 0})
    for each in file["sides"]:
        parts = each["matched_minor"] + each["open_minor"] + each["settled_minor"]
        claim = f"every fen of {each['currency']} {each['side']} has its place"
        found.expect(claim, parts, each["counting_minor"])


async def _source(cast: Cast) -> str:
    """Save which column is for what, and which program is meant by a name."""
    assert cast.finance is not None, "the platform opens first"
    names = {each["name"]: each["id"] for each in await cast.staff.get("/v1/platform/programs")}
    source = {
        "id": cast.new_id(),
        "agent_id": str(cast.companies[0].agent.tenant_id),
        "name": "自家台账",
        "column_map": {
            "columns": dict(zip(_FIELDS, _HEADER, strict=True)),
            "program_words": {**names, _ELSEWHERE: cast.new_id()},
        },
    }
    await cast.finance.post("/v1/platform/reconciliation/sources", source)
    return str(source["id"])


# ----------------------------------------------------------------------------------- the file


async def _file(cast: Cast) -> tuple[bytes, list[tuple[str, int]]]:
    """Write what the agent has booked; give which breaks are in it, and on how many lines each."""
    agent_id = cast.companies[0].agent.tenant_id
    issued = [each async for each in cast.staff.every("/v1/platform/issuances", agent_id=agent_id)]
    sound = [each for each in issued if each["state"] in ("issued", "redeemed")]
    over = [each for each in issued if each not in sound]
    kinds = _BREAKS[: len(sound) - 1]
    assert len(kinds) >= _AT_LEAST, "most breaks find a benefit, and one is right"
    rows: list[Row] = []
    planted = []
    for at, each in enumerate(sound):
        kind = kinds[at] if at < len(kinds) else ""
        some = _broken(_row(each), kind, cast)
        rows += some
        if kind:
            planted.append((kind, 1 if kind == "duplicate_there" else len(some)))
    for at, each in enumerate(over):
        rows.append(_row(each) if at else _row(each) | {"state": "有效"})
    planted += [("reversed", 1)] * bool(over)
    rows.append(_row(sound[-1]) | {"id": "X-1", "customer": "", "amount": "66.00"})
    planted.append(("missing_here", 1))
    cast.rng.shuffle(rows)
    return csv_of([_HEADER, *([row[field] for field in _FIELDS] for row in rows)]), planted


def _row(issued: Json) -> Row:
    """Write a benefit as the agent has booked it: what is left of it, by the program's name."""
    withdrawn = 0 if issued["state"] in ("voided", "expired") else issued["released_minor"]
    day = datetime.fromisoformat(issued["issued_at"]).astimezone(CHINA).date()
    return {
        "id": issued["id"],
        "customer": issued["customer_token"],
        "name": "某客户",
        "program": issued["program_name"],
        "amount": f"{(issued['amount_minor'] - withdrawn) / 100:,.2f}",
        "currency": issued["currency"],
        "day": f"{day:%Y年%m月%d日}",
        "state": _STATES[issued["state"]],
    }


def _broken(row: Row, kind: str, cast: Cast) -> list[Row]:
    """Plant one kind of break on a line."""
    amount = float(row["amount"].replace(",", ""))
    day = datetime.strptime(row["day"], "%Y年%m月%d日") - timedelta(days=40)  # noqa: DTZ007 - a day
    ways: dict[str, list[Any]] = {
        "missing_there": [],
        "duplicate_there": [{}, {}],
        "amount_differs": [{"amount": f"{amount + 1:.2f}"}],
        "currency_differs": [{"currency": "USD"}],
        "period_differs": [{"day": f"{day:%Y-%m-%d}"}],
        "program_differs": [{"program": _ELSEWHERE}],
        "customer_differs": [{"customer": f"{cast.rng.getrandbits(128):032x}"}],
        "sum_differs": [{"amount": f"{amount / 2:.2f}"}, {"amount": f"{amount / 2 + 7:.2f}"}],
        "expired": [{"state": "已过期"}],
    }
    return [row | each for each in ways.get(kind, [{}])]


async def _settled(owner: Api, finance: Api, breaks: Iterable[Json]) -> None:
    """Have the owner explain each break, and finance say what came of it."""
    for each in breaks:
        path = f"reconciliation/exceptions/{each['id']}"
        await owner.post(f"/v1/{path}/answer", {"said": "台账登记有误，已更正"})
        outcome = {"outcome": "corrected_there", "note": "代理商已更正台账"}
        await finance.post(f"/v1/platform/{path}/resolution", outcome)
