"""The books: a budget, what was promised of it and used, what agents earn, and proof of it all."""

import asyncio
import shutil
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec

from billing.journal import service as journal
from billing.journal.schemas import JournalFormat
from billing.sealing import tonglu_verify
from server.access import PLATFORM_TENANT, Role, of_the_product
from server.benefits import jobs as benefits
from server.commissions import jobs as commissions
from server.kit import clock, db
from server.statements import service as statements
from server.statements.schemas import NewStatement
from world import people, populate
from world.api import Api, Json
from world.journey import story as stories
from world.journey.cast import Cast
from world.journey.evidence import Evidence
from world.journey.offline import Phone
from world.journey.patience import until
from world.people import CHINA
from world.terminal import yuan

_WORTH: Final = 30_000
_FUNDED: Final = 8 * _WORTH
_ALLOCATED: Final = 5 * _WORTH
_IN_BATCH: Final = 6
_PART: Final = 10_000
_SOLD: Final = 12_800_000
_RATE_PPM: Final = 100_000
_ABOVE_PPM: Final = 200_000
_REFUNDED: Final = _SOLD // 4
_PAYEE: Final = {"name": "示例公司", "bank": "示例银行"}
_FINANCE: Final = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_FINANCE, name="journey")


class Books(msgspec.Struct):
    """What each step of the books leaves for the next."""

    program: str
    checker: Api
    """Of the platform's finance, too: what one makes, the other lets go."""
    issued: list[str] = []
    """The requests by which benefits were issued, in the order of the batch."""
    sale: str = ""

    @property
    def path(self) -> str:
        """Give the program's address."""
        return f"/v1/platform/programs/{self.program}"


# ------------------------------------------------------------------------------ promised and used


async def budgeted(cast: Cast, found: Evidence) -> None:
    """Allocate a budget; what a batch and a phone without a network ask for stays within it."""
    books = cast.left["books"] = await _open(cast, found)
    company, phone = cast.companies[0], stories.of(cast).heirs
    page = await company.owner.get("/v1/customers", limit=100, owner_id=phone.rep.id)
    mine = {each.id for each in phone.client.customers()}
    customers = [each["id"] for each in page["items"] if each["id"] in mine][:_IN_BATCH]
    phone.network.is_up = False
    late = phone.client.request_benefit(customers[-1], program_id=books.program)
    batch = await _approved(cast, books, customers, found)
    outcomes = batch["outcomes"]
    found.note(batch=outcomes)
    found.expect(
        "what is left in the batch is issued",
        outcomes,
        {"issued": _IN_BATCH - 1, "row_withdrawn": 1},
    )
    phone.network.is_up = True
    report = await phone.sync()
    refused = [(each.record_id, each.code) for each in phone.client.refusals()][-1:]
    found.expect("the phone has sent everything", (str(report.state), report.pending), _SENT)
    found.expect("over the budget nobody gets anything", refused, [(late, "budget_exhausted")])
    await _promised(cast, books, phone, customers[-1], found)
    held = await _benefits(books, company.owner)
    books.issued = [held[each] for each in customers]
    stands = await cast.staff.get(books.path)
    found.note(promised=yuan(stands["held_minor"]), left_in_pool=yuan(stands["available_minor"]))
    found.expect("the books hold what was promised", stands["held_minor"], _IN_BATCH * _WORTH)


async def _promised(
    cast: Cast, books: Books, phone: Phone, customer_id: str, found: Evidence
) -> None:
    """Promise without a network with a unit that the phone holds; by then nothing else is left."""
    company = cast.companies[0]
    share = {"agent_id": company.agent.tenant_id, "amount_minor": _WORTH}
    allocations = f"{books.path}/allocations"
    await cast.staff.post(allocations, {**share, "id": cast.new_id(), "amount_minor": 2 * _WORTH})
    phone.client.lease_units(books.program, 5)
    await phone.sync()
    found.expect("half of what is available", phone.client.units_left(books.program), 1)
    phone.network.is_up = False
    promised = phone.client.promise_benefit(customer_id, program_id=books.program)
    await cast.staff.post(allocations, {**share, "id": cast.new_id(), "is_return": True})
    phone.network.is_up = True
    phone.network.answers_to_lose = 1
    await phone.sync()
    await phone.sync()
    [kept] = [
        each
        async for each in company.owner.every("/v1/benefits/requests")
        if each["id"] == promised
    ]
    found.expect("what was promised offline is kept", kept["state"], "issued")
    found.expect("no unit is named twice", phone.client.units_left(books.program), 0)


_SENT: Final = ("complete", 0)


async def _open(cast: Cast, found: Evidence) -> Books:
    """Open a program, fund it, allocate most of it to one agent; add finance's second person."""
    platform = cast.world.platform
    second = people.checker_of(platform)
    staff = msgspec.structs.replace(platform, staff=(second,))
    await populate.found_platform(staff, settings=cast.stage.settings, password=cast.password)
    books = Books(program=cast.new_id(), checker=await cast.sign_in(second.login))
    await cast.staff.post(
        "/v1/platform/programs",
        {
            "id": books.program,
            "name": "门店换新补贴",
            "amount_minor": _WORTH,
            "limit_per_customer": 1,
            "opens_at": "2026-01-01T00:00:00+08:00",
        },
    )
    fund = {"id": cast.new_id(), "amount_minor": _FUNDED}
    await cast.staff.post(f"{books.path}/funding", fund)
    agent_id = cast.companies[0].agent.tenant_id
    share = {"id": cast.new_id(), "agent_id": agent_id, "amount_minor": _ALLOCATED}
    for _ in range(2):
        await cast.staff.post(f"{books.path}/allocations", share)
    given = {
        each["agent_id"]: each["available_minor"]
        for each in await cast.staff.get(f"{books.path}/allocations")
    }
    found.note(funded=yuan(_FUNDED), allocated=yuan(_ALLOCATED), one_benefit=yuan(_WORTH))
    found.expect("asked twice, it is allocated once", given[str(agent_id)], _ALLOCATED)
    return books


async def _approved(cast: Cast, books: Books, customers: list[str], found: Evidence) -> Json:
    """Ask for many at once; change that; have it approved as it is now, and issued."""
    owner, batch_id = cast.companies[0].owner, cast.new_id()
    asked = {"id": batch_id, "program_id": books.program, "customers": customers}
    path = f"/v1/platform/batches/{batch_id}"
    first = (await owner.post("/v1/benefits/batches", asked))["batch"]
    last = {"places": [_IN_BATCH]}
    await owner.post(f"/v1/benefits/batches/{batch_id}/withdrawals", last)
    seen = {"content_hash": first["content_hash"]}
    refusal = await cast.staff.refusal(f"{path}/approval", seen)
    found.expect("what has changed cannot be approved unseen", refusal, "batch_changed")
    now = await cast.staff.get(path)
    await cast.staff.post(f"{path}/approval", {"content_hash": now["content_hash"]})
    done: Json = await until(
        lambda: owner.get(f"/v1/benefits/batches/{batch_id}"),
        lambda told: told["batch"]["finished_at"] is not None,
    )
    return done


async def _benefits(books: Books, owner: Api) -> dict[str, str]:
    """Give the requests by which customers got a benefit of the program, by customer."""
    return {
        each["customer_id"]: each["id"]
        async for each in owner.every("/v1/benefits/requests", state="issued")
        if each["program_id"] == books.program
    }


async def redeemed(cast: Cast, found: Evidence) -> None:
    """Redeem by code, in parts, once for each id; take one use back, withdraw of the rest."""
    books, owner = cast.left["books"], cast.companies[0].owner
    rep = stories.of(cast).heir
    first, second, third, *_ = books.issued
    code = await _code(rep, first)
    lock = cast.new_id()
    await rep.post("/v1/benefits/vouchers/lock", {"id": lock, "code": code})
    use = {"id": cast.new_id(), "code": code, "amount_minor": _PART}
    refusal = await owner.refusal("/v1/benefits/vouchers/redemption", use)
    found.expect("who has locked it is not disturbed", refusal, "code_locked")
    for _ in range(2):
        view = await rep.post("/v1/benefits/vouchers/redemption", {**use, "lock_id": lock})
    found.note(code=f"…{code[-4:]}", used=yuan(view["used_minor"]), left=yuan(view["open_minor"]))
    found.expect("sent twice, it is used once", view["used_minor"], _PART)
    back = {"id": cast.new_id(), "redemption_id": use["id"], "code": code, "reason": "退货"}
    view = await rep.post("/v1/benefits/vouchers/rollback", back)
    found.expect("what is taken back may be used again", view["open_minor"], _WORTH)
    use = {"id": cast.new_id(), "code": code, "amount_minor": 2 * _PART}
    await rep.post("/v1/benefits/vouchers/redemption", use)
    part = {"id": cast.new_id(), "reason": "活动结束", "amount_minor": _PART // 2}
    await cast.staff.post(f"/v1/platform/issuances/{view['issuance_id']}/void", part)
    more = {"id": cast.new_id(), "code": code, "amount_minor": _PART}
    refusal = await rep.refusal("/v1/benefits/vouchers/redemption", more)
    found.expect("what was withdrawn is not used", refusal, "more_than_is_left")
    whole = {"id": cast.new_id(), "code": await _code(rep, second)}
    await rep.post("/v1/benefits/vouchers/redemption", whole)
    shown = {"code": await _code(rep, third)}
    other = (await rep.post("/v1/benefits/vouchers/validation", shown))["issuance_id"]
    away = {"id": cast.new_id(), "reason": "客户退店"}
    await cast.staff.post(f"/v1/platform/issuances/{other}/void", away)
    stands = await cast.staff.get(books.path)
    found.note(redeemed=yuan(stands["used_minor"]), still_promised=yuan(stands["held_minor"]))
    seen = (stands["used_minor"], stands["held_minor"])
    held = (_IN_BATCH - 3) * _WORTH + _PART // 2
    found.expect("the books say what was used and what is open", seen, (5 * _PART, held))
    together = stands["available_minor"] + stands["held_minor"] + stands["used_minor"]
    found.expect("nothing of the budget is lost", together, stands["funded_minor"])


async def _code(rep: Api, request_id: str) -> str:
    """Show a benefit's code."""
    return str((await rep.post(f"/v1/benefits/requests/{request_id}/voucher"))["code"])


# ----------------------------------------------------------------------------- earned and paid out


async def paid(cast: Cast, found: Evidence) -> None:
    """Sell, refund a quarter, earn, pay out by two people; the bank fails once."""
    books, today = cast.left["books"], clock.now().astimezone(CHINA).date()
    seller, above = (str(each.agent.tenant_id) for each in cast.companies[:2])
    await _sold(cast, books, seller, above, today)
    owed = {
        company.agent.short_name: (await _statement(company.owner, today))["closing_minor"]
        for company in cast.companies[:2]
    }
    net = (_SOLD - _REFUNDED) * _RATE_PPM // 1_000_000
    share = net * _ABOVE_PPM // 1_000_000
    told = {name: yuan(minor) for name, minor in owed.items()}
    found.note(sold=yuan(_SOLD), refunded=yuan(_REFUNDED), owed=told)
    found.expect("each is owed its share of what was kept", [*owed.values()], [net - share, share])
    batch = await _let_go(cast, books, found)
    by_agent = {each["agent_id"]: each for each in batch["payments"]}
    sums = {key: each["amount_minor"] for key, each in by_agent.items()}
    found.expect("the batch pays it", sums, {seller: net - share, above: share})
    finance = cast.finance
    assert finance is not None, "the platform opens first"
    await finance.post(f"/v1/platform/payments/{by_agent[seller]['id']}/answer", {"answer": "paid"})
    failed = f"/v1/platform/payments/{by_agent[above]['id']}/answer"
    await finance.post(failed, {"answer": "failed", "reason": "收款户名不符"})
    anew = await _let_go(cast, books, found)
    [payment] = anew["payments"]
    again = (payment["agent_id"], payment["amount_minor"])
    found.expect("what the bank did not pay is paid anew, alone", again, (above, share))
    await finance.post(f"/v1/platform/payments/{payment['id']}/answer", {"answer": "paid"})
    left = [(await _statement(each.owner, today))["closing_minor"] for each in cast.companies[:2]]
    found.note(paid=yuan(net))
    found.expect("nobody is owed anything more", left, [0, 0])


async def _sold(cast: Cast, books: Books, seller: str, above: str, today: date) -> None:
    """Publish a plan, record a sale and its refund, and have it earned as the worker does."""
    finance = cast.finance
    assert finance is not None, "the platform opens first"
    plan = {
        "id": cast.new_id(),
        "plan_id": cast.new_id(),
        "begins_on": today.replace(day=1).isoformat(),
        "currency": "CNY",
        "measure": "revenue",
        "tiers": [{"at_least": 0, "rate": _RATE_PPM}],
        "hold_days": 0,
        "upline_ppm": [_ABOVE_PPM],
    }
    await finance.post("/v1/platform/commission-plans", plan)
    books.sale = cast.new_id()
    sale = {
        "id": books.sale,
        "plan_id": plan["plan_id"],
        "contract_id": stories.of(cast).contract,
        "on": today.isoformat(),
        "sold": _SOLD,
        "sellers": [{"agent_id": seller}],
        "above": [{"agent_id": seller, "above_id": above}],
    }
    for _ in range(2):
        await finance.post("/v1/platform/commission-sales", sale)
    back = {"id": cast.new_id(), "sale_id": books.sale, "refunded": _REFUNDED}
    for _ in range(2):
        await finance.post("/v1/platform/commission-refunds", back)
    async with populate.database(cast.stage.settings):
        await commissions.earn(clock.now())


def _account(agent_id: str) -> str:
    """Give an agent a bank account of its own."""
    return f"6222{UUID(agent_id).int % 10**15:015}"


async def _let_go(cast: Cast, books: Books, found: Evidence) -> Json:
    """Put a payout together; its maker cannot approve it, another one does as it was seen."""
    finance = cast.finance
    assert finance is not None, "the platform opens first"
    batch: Json = await finance.post("/v1/platform/payouts", {"id": cast.new_id()})
    path = f"/v1/platform/payouts/{batch['id']}"
    refusals = [
        await finance.refusal(f"{path}/approval", {"hash": batch["hash"]}),
        await books.checker.refusal(f"{path}/approval", {"hash": "0" * 64}),
    ]
    wanted = ["maker_is_checker", "payout_batch_changed"]
    found.expect("neither its maker nor unseen", refusals, wanted)
    approved: Json = await books.checker.post(f"{path}/approval", {"hash": batch["hash"]})
    payees = [
        {"agent_id": each["agent_id"], "account": _account(each["agent_id"]), **_PAYEE}
        for each in approved["payments"]
    ]
    asked = {"reference": "佣金", "payees": payees}
    refused = await finance.refusal(f"{path}/bank-file", asked)
    found.expect("nor does its maker choose the accounts", refused, "maker_is_checker")
    written = await books.checker.raw("POST", f"{path}/bank-file", json=asked)
    rows = written.content.decode("gb18030").strip().splitlines()
    found.expect("the bank's file has a row for each", len(rows) - 1, len(payees))
    return approved


async def _statement(owner: Api, today: date) -> Json:
    """Give an agent's own statement of the month."""
    told: Json = await owner.get("/v1/commissions/statement", month=f"{today:%Y-%m}")
    return told


# ---------------------------------------------------------------------------------- agreed upon


async def agreed(cast: Cast, found: Evidence) -> None:
    """Draw the month up, dispute a line and answer it, sign it on both sides as it was shown."""
    owner, finance = cast.companies[0].owner, cast.finance
    assert finance is not None, "the platform opens first"
    drawn = await _draw(cast)
    path, ours = f"/v1/statements/{drawn}", f"/v1/platform/statements/{drawn}"
    told = await owner.get(path)
    lines = await owner.get(f"{path}/lines")
    found.note(lines=told["lines"], accounts=len(told["accounts"]))
    found.expect("each side is shown the same lines", lines, await finance.get(f"{ours}/lines"))
    [earned] = [each["n"] for each in lines if each["event"] == "commission.earned"]
    dispute = {"line": earned, "reason": "客户只退了一台"}
    await owner.post(f"{path}/disputes", dispute)
    shown, other = {"hash": told["hash"]}, {"hash": "0" * 64}
    refusals = [await owner.refusal(f"{path}/signature", each) for each in (shown, other)]
    wanted = ["statement_disputed", "statement_differs"]
    found.expect("neither with an open dispute nor unseen", refusals, wanted)
    answer = {"line": dispute["line"], "outcome": "kept", "note": "退货单 3 台，已附"}
    await finance.post(f"{ours}/answers", answer)
    await owner.post(f"{path}/signature", shown)
    signed = await finance.post(f"{ours}/signature", shown)
    sides = sorted(each["side"] for each in signed["signatures"])
    found.expect("both have signed the same", (signed["hash"], sides), (told["hash"], _SIDES))
    late = {"line": next(each["n"] for each in lines if each["n"] != earned), "reason": "还有这行"}
    refusal = await owner.refusal(f"{path}/disputes", late)
    found.expect("nothing more is said of it then", refusal, "statement_signed")
    paper = await owner.raw("GET", f"{path}/statement.pdf")
    found.note(pdf_bytes=len(paper.content))
    found.expect_that("it prints as PDF", holds=paper.content.startswith(b"%PDF"))
    cast.left["signed"] = (await owner.raw("GET", f"{path}/signed.txt")).content


_SIDES: Final = ["agent", "platform"]


async def _draw(cast: Cast) -> str:
    """Draw the month up as finance does on the first of the next, the calendar put forward."""
    today = clock.now().astimezone(CHINA).date()
    first = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    new = NewStatement(
        id=UUID(cast.new_id()),
        agent_id=cast.companies[0].agent.tenant_id,
        month=f"{today:%Y-%m}",
    )
    async with populate.database(cast.stage.settings):
        await benefits.seal(clock.now())
        await statements.draw(_FINANCE, new, now=people.instant(first))
    return str(new.id)


# ------------------------------------------------------------------------------ exported and proven


async def exported(cast: Cast, found: Evidence) -> None:
    """Export the journal to be checked by others; prove a statement without the server."""
    today = clock.now().astimezone(CHINA).date()
    async with populate.database(cast.stage.settings):
        await benefits.seal(clock.now())
        async with db.platform_transaction(_FINANCE):
            written = {
                form: await journal.export(form, begins_on=today.replace(day=1), ends_on=today)
                for form in JournalFormat
            }
    folder = cast.stage.folder
    files = {form: folder / f"books.{form}" for form in written}
    for form, content in written.items():
        await asyncio.to_thread(files[form].write_bytes, content)
    bean = Path(sys.executable).parent / "bean-check"
    checked = await _ran(bean, "--no-cache", files[JournalFormat.BEANCOUNT])
    found.expect("beancount agrees with the books", checked, 0)
    if hledger := shutil.which("hledger"):
        file = files[JournalFormat.HLEDGER]
        found.expect("so does hledger", await _ran(hledger, "-f", file, "check", "--strict"), 0)
    found.note(journal_bytes=len(written[JournalFormat.BEANCOUNT]))
    await _proven(cast, folder, found)


async def _proven(cast: Cast, folder: Path, found: Evidence) -> None:
    """Check the sealed lines of an agent's account by the published head; one fen of it changed."""
    owner = cast.companies[0].owner
    proven = (await owner.raw("GET", "/v1/commissions/proven-statement")).content
    size = msgspec.json.decode(proven)["size"]
    head = (await owner.raw("GET", f"/v1/commissions/heads/{size}")).content
    files = {"statement.json": proven, "head.json": head, "signed.txt": cast.left["signed"]}
    net = (_SOLD * _RATE_PPM // 1_000_000) * (1_000_000 - _ABOVE_PPM) // 1_000_000
    files["forged.json"] = proven.replace(str(net).encode(), str(net + 1).encode())
    for name, content in files.items():
        await asyncio.to_thread((folder / name).write_bytes, content)
    key = msgspec.json.decode(head)["public_key"]
    script = ["-I", tonglu_verify.__file__, "statement"]
    outcomes = [
        await _ran(sys.executable, *script, folder / name, folder / "head.json", key)
        for name in ("statement.json", "forged.json")
    ]
    found.note(statement_lines=proven.count(b"\n"), head_of=size)
    found.expect("the statement is proven alone, the forged one is not", outcomes, [0, 1])
    script[-1] = "signed"
    signed = await _ran(sys.executable, *script, folder / "signed.txt", folder / "head.json", key)
    found.expect("so is what both sides signed", signed, 0)


async def _ran(*command: Any) -> int:
    """Run a command with nothing of the environment; give how it ended."""
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdout=quiet, stderr=quiet, env={"LANG": "C.UTF-8"}
    )
    return await process.wait()
