"""Each agent brings a messy spreadsheet: every row becomes a customer, or is told why not."""

import time
from typing import Any, Final

from world.api import Json
from world.journey.cast import Cast, Company
from world.journey.evidence import Evidence
from world.journey.patience import until
from world.spreadsheets import Fault, Row

_TIMEOUT_S: Final = 120.0
_LEADS: Final = """公司,手机,城市
测试公司,13862147701,苏州
打不通的店,12,苏州
同一个号码,13862147701,苏州
"""
_FIELD_OF: Final = {
    Fault.BAD_PHONE: "phone",
    Fault.BAD_USCC: "uscc",
    Fault.EMPTY_NAME: "name",
    Fault.NAME_TOO_LONG: "name",
    Fault.BAD_STATUS: "status",
}
_COMPARED: Final = (
    "name", "uscc", "phone", "city", "district", "address", "industry", "status", "level",
    "source", "remark",
)  # fmt: skip


async def spreadsheets(cast: Cast, found: Evidence) -> None:
    """Let each owner hand in a file, look at the preview, start it, and compare with the truth."""
    for company in cast.companies:
        started = time.monotonic()
        done = await _import(cast, company, found)
        seconds = time.monotonic() - started
        name = company.agent.short_name
        truth = company.sheet.truth
        counts = done["counts"]
        found.note(
            **{
                name: (
                    f"{counts['rows']:,} rows = {counts['created']:,} good"
                    f" + {counts['refused']} bad + {counts['skipped']} duplicates"
                    f" ({seconds:.1f} s)"
                )
            }
        )
        found.expect(f"{name}: the encoding is found", done["encoding"], "gb18030")
        found.expect(f"{name}: every row is read", counts["rows"], len(truth.rows))
        found.expect(f"{name}: the good rows are in", counts["created"], len(truth.good))
        found.expect(f"{name}: the bad rows are refused", counts["refused"], len(truth.bad))
        found.expect(f"{name}: the duplicates are told", counts["skipped"], len(truth.duplicates))
        await _expect_problems(company, done["id"], found)
        await _expect_customers(company, found)
    await _leads(cast, cast.companies[0], found)


async def _leads(cast: Cast, company: Company, found: Evidence) -> None:
    """Bring leads in by the same way; what speaks against them waits for a manager."""
    import_id = cast.new_id()
    query = {"file_name": "leads.csv", "id": import_id, "target": "leads"}
    answer = await company.owner.raw("POST", "/v1/imports", params=query, content=_LEADS.encode())
    found.expect("the file of leads is taken", answer.status_code, 201)
    await company.owner.post(f"/v1/imports/{import_id}/start", {})
    view = await _done(company, import_id)
    counts = view["counts"]
    found.expect("the import of leads is done", view["state"], "done")
    found.expect("the leads are in", (counts["created"], counts["skipped"]), (2, 1))
    board = await company.owner.get("/v1/leads/board")
    found.expect("they wait for a manager", board["verdicts"], {"invalid_phone": 1, "junk": 1})


async def _import(cast: Cast, company: Company, found: Evidence) -> Json:
    """Import a file by its guessed columns; give the import when it is done."""
    owner, sheet = company.owner, company.sheet
    import_id = cast.new_id()
    query = {"file_name": sheet.file_name, "id": import_id}
    for _ in range(2):
        # A lost answer makes a person press the button again.
        answer = await owner.raw("POST", "/v1/imports", params=query, content=sheet.content)
        found.expect("the file is taken", answer.status_code, 201)
    preview = await owner.post(f"/v1/imports/{import_id}/preview", {})
    before = (await owner.get("/v1/customers/summary"))["customers"]
    found.expect("a preview writes nothing", before, 0)
    await owner.post(f"/v1/imports/{import_id}/start", {})
    view = await _done(company, import_id)
    found.expect("the import is done", view["state"], "done")
    found.expect("it did what the preview told", view["counts"], preview["counts"])
    return view


async def _done(company: Company, import_id: str) -> Json:
    """Wait until the worker has done an import; give it as it is then."""
    view: Json = await until(
        lambda: company.owner.get(f"/v1/imports/{import_id}"),
        lambda view: view["state"] == "done",
        timeout_s=_TIMEOUT_S,
    )
    return view


async def _expect_problems(company: Company, import_id: str, found: Evidence) -> None:
    """Expect each bad row and each duplicate to be told, and no other row."""
    truth, name = company.sheet.truth, company.agent.short_name
    told: dict[int, set[tuple[str, str]]] = {}
    async for problem in company.owner.every(f"/v1/imports/{import_id}/problems"):
        told.setdefault(problem["row"], set()).add((problem["field"], problem["code"]))
    fields = {number: {field for field, _ in problems} for number, problems in told.items()}
    wanted = {row.number: {_FIELD_OF[fault] for fault in row.faults} for row in truth.bad}
    wanted |= {row.number: {""} for row in truth.duplicates}
    found.expect(f"{name}: every bad row is told, with its column", fields, wanted)
    twice = {number for number, problems in told.items() if ("", "duplicate_in_file") in problems}
    found.expect(
        f"{name}: duplicates are told as such", twice, {row.number for row in truth.duplicates}
    )


async def _expect_customers(company: Company, found: Evidence) -> None:
    """Expect each good row to be a customer with the fields that a careful reader sees."""
    name = company.agent.short_name
    people = {person.name: str(person.id) for person in company.agent.people}
    held = {item["uscc"]: item async for item in company.owner.every("/v1/customers", limit=100)}
    found.expect(
        f"{name}: as many customers as good rows", len(held), len(company.sheet.truth.good)
    )
    different = [
        (row.number, field, held.get(row.fields["uscc"], {}).get(field), value)
        for row in company.sheet.truth.good
        for field, value in _wanted(row, people).items()
        if (held.get(row.fields["uscc"], {}).get(field) or "") != value
    ]
    found.expect(f"{name}: every field is what the file says", different[:3], [])


def _wanted(row: Row, people: dict[str, str]) -> dict[str, Any]:
    """Give the fields that a row's customer should have."""
    wanted: dict[str, Any] = {field: row.fields[field] for field in _COMPARED}
    return wanted | {"owner_id": people[row.fields["owner"]]}
