"""Codes are typed with mistakes, sent twice, and guessed; what they stand for is used once."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.redemptions.schemas import Settled
from server.access import Role
from server.benefits import queries as benefit_queries
from server.benefits import service as benefits
from server.benefits.eligibility import queries as eligible
from server.benefits.eligibility import service as eligibility
from server.benefits.eligibility.rules import Rules
from server.benefits.eligibility.schemas import NewRules, Publish
from server.benefits.rules import (
    AlreadyExpired,
    AlreadyRedeemed,
    AlreadyTakenBack,
    AlreadyVoided,
    BenefitState,
    BudgetExhausted,
    MoreThanIsLeft,
)
from server.benefits.schemas import IssuanceFilters, NewFunding, NewVoid
from server.benefits.vouchers import queries, rules, service, teller
from server.benefits.vouchers.rules import (
    ALPHABET,
    CodeLocked,
    CodeMistyped,
    CodeUnknown,
    NothingToRedeem,
)
from server.benefits.vouchers.schemas import Lock, Presented, Redeem, RollBack, VoucherView
from server.identity.rules.throttles import TooManyTries
from server.kit import db
from server.kit.errors import Forbidden, IdReused, NotFound
from tests import waiting
from tests.factories import NOW, Tenant, make_platform_actor, new_id
from tests.server.benefits import stories

FINANCE = make_platform_actor(Role.PLATFORM_FINANCE)
KEY = bytes(range(32))
symbols = st.lists(st.integers(0, 31), min_size=11, max_size=11)


@given(symbols, st.integers(0, 11), st.integers(1, 31))
def test_one_wrong_symbol_is_always_noticed(data: list[int], at: int, shift: int) -> None:
    code = rules.written(data).replace("-", "")
    wrong = ALPHABET[(ALPHABET.index(code[at]) + shift) % 32]

    assert rules.read(code) == rules.written(data)
    with pytest.raises(CodeMistyped):
        rules.read(code[:at] + wrong + code[at + 1 :])


@given(symbols, st.integers(0, 11), st.integers(0, 11))
def test_two_symbols_in_each_others_place_are_always_noticed(
    data: list[int], one: int, other: int
) -> None:
    code = list(rules.written(data).replace("-", ""))
    swapped = code.copy()
    swapped[one], swapped[other] = code[other], code[one]

    if swapped == code:
        return
    with pytest.raises(CodeMistyped):
        rules.read("".join(swapped))


@given(st.uuids(), st.uuids(), st.binary(min_size=32, max_size=32))
def test_a_code_is_one_benefits_and_read_as_people_write_it(
    one: UUID, other: UUID, key: bytes
) -> None:
    code = rules.made(key, one, 0)

    assert code == rules.made(key, one, 0)
    assert (code == rules.made(key, other, 0)) == (one == other)
    assert code != rules.made(key, one, 1)
    sloppy = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert rules.read(sloppy) == code
    assert rules.digest(key, code) != rules.digest(b"another", code)


# ----------------------------------------------------------------------------------- the story


async def _benefit(tenant: Tenant, program_id: UUID) -> tuple[UUID, str]:
    """Issue a benefit to a new customer; give its request and its code."""
    customer_id = await stories.make_customer(tenant.rep)
    issued = await stories.request(tenant.rep, customer_id, program_id)
    return issued.id, (await service.code_of(tenant.rep, issued.id, now=NOW)).code


async def _let_end(program_id: UUID, days: int) -> None:
    """Let a program's benefits end after some days."""
    new = NewRules(id=new_id(), rules=Rules(valid_days=days))
    await eligibility.propose(stories.OPERATOR, program_id, new, now=NOW)
    shown = (await eligible.tried(FINANCE, program_id, 1, until=NOW)).simulation
    seen = Publish(version=1, simulated_until=NOW, simulation_hash=shown.hash)
    await eligibility.publish(stories.OPERATOR, program_id, seen, now=NOW)


def _redeem(code: str, amount: int | None = None, lock_id: UUID | None = None) -> Redeem:
    """Write a use."""
    return Redeem(id=new_id(), code=code, amount_minor=amount, lock_id=lock_id)


async def test_s05_a_code_is_validated_locked_redeemed_and_rolled_back(tenant: Tenant) -> None:
    program = await stories.make_program()
    request_id, code = await _benefit(tenant, program.id)
    assert (await service.code_of(tenant.rep, request_id, now=NOW)).code == code
    seen = await service.validate(tenant.rep, Presented(code=code.lower()), now=NOW)
    assert (seen.open_minor, seen.last4) == (stories.AMOUNT, code[-4:])

    mine = Lock(id=new_id(), code=code)
    assert (await service.lock(tenant.rep, mine, now=NOW)).locked_until is not None
    assert (await service.lock(tenant.rep, mine, now=NOW)).locked_until is not None
    for other in (
        service.lock(tenant.owner, Lock(id=new_id(), code=code), now=NOW),
        service.redeem(tenant.owner, _redeem(code), now=NOW),
    ):
        with pytest.raises(CodeLocked):
            await other
    use = _redeem(code, 2_000, mine.id)
    answers = await asyncio.gather(*(service.redeem(tenant.rep, use, now=NOW) for _ in range(3)))
    assert {answer.open_minor for answer in answers} == {3_000}
    later = NOW + rules.LOCKED_FOR
    with pytest.raises(MoreThanIsLeft):
        await service.redeem(tenant.owner, _redeem(code, 3_001), now=later)
    altered = Redeem(id=use.id, code=code, amount_minor=1, lock_id=mine.id)
    with pytest.raises(IdReused):
        await service.redeem(tenant.rep, altered, now=NOW)

    stray = RollBack(id=new_id(), redemption_id=new_id(), code=code, reason="退货")
    with pytest.raises(NotFound):
        await service.roll_back(tenant.rep, stray, now=later)
    back = RollBack(id=new_id(), redemption_id=use.id, code=code, reason="退货")
    assert (await service.roll_back(tenant.rep, back, now=later)).open_minor == stories.AMOUNT
    twice = RollBack(id=new_id(), redemption_id=use.id, code=code, reason="退货")
    with pytest.raises(AlreadyTakenBack):
        await service.roll_back(tenant.rep, twice, now=later)
    later += timedelta(minutes=1)
    rest = await service.redeem(tenant.rep, _redeem(code), now=later)
    assert rest.open_minor == 0
    with pytest.raises(AlreadyRedeemed):
        await service.redeem(tenant.rep, _redeem(code), now=later)
    view = await benefit_queries.benefit(tenant.rep, request_id)
    assert (view.state, view.used_minor) == (BenefitState.REDEEMED, stories.AMOUNT)
    lines = await queries.redemptions_of(tenant.rep, request_id)
    assert [line.kind for line in lines] == ["redeem", "roll_back", "redeem"]


async def test_a_lock_ends_with_its_use_and_is_for_uses_alone(tenant: Tenant) -> None:
    program = await stories.make_program()
    _, code = await _benefit(tenant, program.id)
    mine, theirs = (Lock(id=new_id(), code=code) for _ in range(2))
    await service.lock(tenant.rep, mine, now=NOW)
    use = _redeem(code, 2_000, mine.id)
    once = await service.redeem(tenant.rep, use, now=NOW)

    await service.lock(tenant.owner, theirs, now=NOW)
    # Its answer was lost, and somebody else stands at the till by now.
    again = await service.redeem(tenant.rep, use, now=NOW)
    assert (again.used_minor, again.open_minor) == (once.used_minor, once.open_minor)
    with pytest.raises(CodeLocked):
        await service.redeem(tenant.rep, _redeem(code, 1, mine.id), now=NOW)
    back = RollBack(id=new_id(), redemption_id=use.id, code=code, reason="退货")
    view = await service.roll_back(tenant.rep, back, now=NOW)
    assert (view.open_minor, view.locked_until is None) == (stories.AMOUNT, False)


async def test_the_platform_withdraws_a_part_and_the_rest_stays(tenant: Tenant) -> None:
    program = await stories.make_program(1)
    _, code = await _benefit(tenant, program.id)
    chosen = IssuanceFilters(program_id=program.id)
    [record] = (await benefit_queries.issuances(FINANCE, chosen, now=NOW)).items
    part = NewVoid(id=new_id(), reason="发多了", amount_minor=2_000)

    await benefits.void(stories.OPERATOR, record.id, part, now=NOW)

    assert (await service.redeem(tenant.rep, _redeem(code), now=NOW)).used_minor == 3_000
    held = await benefit_queries.program(FINANCE, program.id)
    assert (held.used_minor, held.held_minor, held.available_minor) == (3_000, 0, 2_000)


async def test_i19_a_benefit_ends_on_the_moment_and_its_amount_comes_back(tenant: Tenant) -> None:
    program = await stories.make_program(1)
    await _let_end(program.id, 7)
    request_id, code = await _benefit(tenant, program.id)
    ends = NOW + timedelta(days=7)

    with pytest.raises(AlreadyExpired):
        await service.redeem(tenant.rep, _redeem(code), now=ends)
    assert (await service.validate(tenant.rep, Presented(code=code), now=ends)).open_minor == 0
    customer_id = await stories.make_customer(tenant.rep)
    with pytest.raises(BudgetExhausted):
        await stories.request(tenant.rep, customer_id, program.id, now=ends)
    await service.expire(ends)

    assert (await benefit_queries.benefit(tenant.rep, request_id)).state is BenefitState.EXPIRED
    again = await stories.request(tenant.rep, customer_id, program.id, now=ends)
    assert again.state is BenefitState.ISSUED


async def test_i7_a_use_is_answered_the_same_whoever_keeps_the_rest_by_now(tenant: Tenant) -> None:
    program = await stories.make_program()
    _, code = await _benefit(tenant, program.id)
    use = _redeem(code, 2_000)
    await service.redeem(tenant.rep, use, now=NOW)
    await service.lock(tenant.owner, Lock(id=new_id(), code=code), now=NOW)

    assert (await service.redeem(tenant.rep, use, now=NOW)).used_minor == 2_000
    with pytest.raises(CodeLocked):
        await service.redeem(tenant.rep, _redeem(code, 1_000), now=NOW)


async def test_who_keeps_a_code_is_not_robbed_of_it_by_a_use_that_was_under_way(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await stories.make_program()
    _, code = await _benefit(tenant, program.id)
    kept: list[asyncio.Task[VoucherView]] = []
    books = teller.books

    async def meanwhile(*given: Any, **named: Any) -> Settled:
        keep = service.lock(tenant.owner, Lock(id=new_id(), code=code), now=NOW)
        kept.append(await waiting.meanwhile(keep))
        return await books(*given, **named)

    monkeypatch.setattr(teller, "books", meanwhile)
    used = await service.redeem(tenant.rep, _redeem(code), now=NOW)

    assert used.open_minor == 0
    assert (await kept[0]).open_minor == 0


async def test_a_persons_ids_are_not_the_platforms_keys(tenant: Tenant) -> None:
    program = await stories.make_program()
    _, code = await _benefit(tenant, program.id)
    use = _redeem(code, 1_000)
    await service.redeem(tenant.rep, use, now=NOW)

    funding = NewFunding(id=use.id, amount_minor=1_000)
    funded = await benefits.fund(stories.OPERATOR, program.id, funding, now=NOW)
    assert funded.funded_minor == 10 * stories.AMOUNT + 1_000


async def test_a_closed_budget_keeps_no_other_benefit_from_ending(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_EXPIRED_AT_ONCE", 1)
    ends = NOW + timedelta(days=3)
    closed, other = [await stories.make_program(1) for _ in range(2)]
    asked = []
    for program, days in ((closed, 1), (other, 2)):
        await _let_end(program.id, days)
        asked.append((await _benefit(tenant, program.id))[0])
    async with db.platform_transaction(stories.OPERATOR):
        await db.connection().execute(
            "UPDATE ledger_account SET closed_at = $2 WHERE subject_id = $1 AND kind = 'budget'",
            *(closed.id, NOW),
        )

    await service.expire(ends)

    states = [(await benefit_queries.benefit(tenant.rep, each)).state for each in asked]
    assert states == [BenefitState.ISSUED, BenefitState.EXPIRED]


async def test_a_rivals_code_is_a_code_of_nobody(tenant: Tenant, rival: Tenant) -> None:
    program = await stories.make_program()
    request_id, code = await _benefit(tenant, program.id)

    for call in (
        service.validate(rival.rep, Presented(code=code), now=NOW),
        service.lock(rival.rep, Lock(id=new_id(), code=code), now=NOW),
        service.redeem(rival.rep, _redeem(code), now=NOW),
    ):
        with pytest.raises(CodeUnknown):
            await call
    with pytest.raises(NotFound):
        await service.code_of(rival.rep, request_id, now=NOW)
    with pytest.raises(Forbidden):
        await service.validate(stories.OPERATOR, Presented(code=code), now=NOW)


async def test_who_guesses_is_stopped_and_the_platform_told(tenant: Tenant) -> None:
    program = await stories.make_program()
    _, code = await _benefit(tenant, program.id)
    # Right codes and typing mistakes are no guesses.
    for _ in range(3):
        await service.validate(tenant.rep, Presented(code=code), now=NOW)
        with pytest.raises(CodeMistyped):
            await service.validate(tenant.rep, Presented(code=f"{code}9"), now=NOW)
    for _ in range(rules.GUESSES_BY_PERSON.tries_max):
        guess = rules.made(KEY, uuid4(), 0)
        with pytest.raises(CodeUnknown):
            await service.validate(tenant.rep, Presented(code=guess), now=NOW)
    for _ in range(2):
        with pytest.raises(TooManyTries):
            await service.validate(tenant.rep, Presented(code=code), now=NOW)

    raised = [
        alarm
        for alarm in await queries.alarms(FINANCE, now=NOW)
        if alarm.agent_id == tenant.tenant_id
    ]
    assert len(raised) == 1
    assert await service.validate(tenant.owner, Presented(code=code), now=NOW)
    assert await service.validate(
        tenant.rep, Presented(code=code), now=NOW + rules.GUESSES_BY_PERSON.window
    )


async def test_what_was_refused_or_withdrawn_is_not_redeemed(tenant: Tenant) -> None:
    program = await stories.make_program(1)
    request_id, code = await _benefit(tenant, program.id)
    customer_id = await stories.make_customer(tenant.rep)
    refused = new_id()
    with pytest.raises(BudgetExhausted):
        await stories.request(tenant.rep, customer_id, program.id, request_id=refused)
    with pytest.raises(NothingToRedeem):
        await service.code_of(tenant.rep, refused, now=NOW)
    chosen = IssuanceFilters(program_id=program.id)
    [record] = (await benefit_queries.issuances(FINANCE, chosen, now=NOW)).items
    await benefits.void(stories.OPERATOR, record.id, NewVoid(id=new_id(), reason="误发"), now=NOW)

    with pytest.raises(AlreadyVoided):
        await service.redeem(tenant.rep, _redeem(code), now=NOW)
    assert [line.kind for line in await queries.redemptions_of(tenant.rep, request_id)] == [
        "revoke"
    ]
