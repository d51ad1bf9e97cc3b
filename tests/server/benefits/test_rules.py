"""When a program is open, and what the platform knows a customer by."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.benefits import rules
from server.benefits.rules import Program, ProgramClosed, ProgramEndsBeforeItBegins, ProgramNotOpen
from tests.factories import NOW, new_id

PROGRAM = Program(
    id=new_id(),
    name="开春进货券",
    amount_minor=5_000,
    currency="CNY",
    limit_per_customer=1,
    opens_at=NOW,
    closes_at=NOW + timedelta(days=30),
)
keys = st.binary(min_size=32, max_size=32)


def test_a_program_opens_on_the_moment_and_closes_on_the_moment() -> None:
    instant = timedelta(microseconds=1)

    with pytest.raises(ProgramNotOpen):
        rules.ensure_open(PROGRAM, now=NOW - instant)
    rules.ensure_open(PROGRAM, now=NOW)
    rules.ensure_open(PROGRAM, now=NOW + timedelta(days=30) - instant)
    with pytest.raises(ProgramClosed):
        rules.ensure_open(PROGRAM, now=NOW + timedelta(days=30))


def test_a_program_that_would_never_be_open_is_refused() -> None:
    rules.ensure_lasts(NOW, None)
    with pytest.raises(ProgramEndsBeforeItBegins):
        rules.ensure_lasts(NOW, NOW)


@given(keys, keys, st.uuids(), st.uuids(), st.uuids())
def test_a_token_is_one_customers_in_one_program(
    key: bytes, other_key: bytes, tenant: UUID, one: UUID, other: UUID
) -> None:
    token = rules.customer_token(key, tenant, one)

    assert token == rules.customer_token(key, tenant, one)
    assert (token == rules.customer_token(key, tenant, other)) == (one == other)
    assert (token == rules.customer_token(other_key, tenant, one)) == (key == other_key)


def test_every_refusal_has_a_sentence_for_a_person() -> None:
    for code in (
        "program_not_open",
        "program_closed",
        "budget_exhausted",
        "customer_limit_reached",
        "not_eligible",
    ):
        assert rules.refusal(code).code == code
        assert rules.refusal(code).detail.endswith(".")
    assert rules.refusal("budget_closed").code == "program_closed"
