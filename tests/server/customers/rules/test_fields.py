"""What people write becomes one normal form, or is refused with the field's name."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.customers.rules import fields
from server.kit.errors import Invalid
from sync_protocol.schema import SCHEMA

ANYTHING = st.one_of(
    st.text(max_size=300),
    st.integers(),
    st.none(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.lists(st.text(max_size=5), max_size=3),
)


@pytest.mark.parametrize(
    ("field", "typed", "kept"),
    [
        ("name", "  杭州　茶行（西湖） ", "杭州 茶行（西湖）"),
        ("city", "绍兴", "绍兴市"),
        ("city", "浙江省绍兴市", "绍兴市"),
        ("city", "绍 兴 市", "绍兴市"),
        ("city", "义乌市", "义乌市"),
        ("city", "Ulm", "Ulm"),
        ("city", "A \u0304", "\u0100"),
        ("city", "阿坝藏族羌族自治州", "阿坝藏族羌族自治州"),
        ("level", "a级", "A"),
        ("status", " Intent ", "intent"),
        ("remark", "一行 \r\n二行\n", "一行\n二行"),
        ("phone", "138 0571 0001", "+8613805710001"),
        ("uscc", "", None),
        ("industry", "   ", None),
        ("expected_revenue_minor", 120000, 120000),
    ],
)
def test_a_field_is_kept_in_its_normal_form(field: str, typed: Any, kept: Any) -> None:
    assert fields.accept("customer", {field: typed}) == {field: kept}


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", "a\x00b"),
        ("name", "\ud800"),
        ("name", "x" * 201),
        ("name", "x" + " " * 900_000),
        ("city", "绍兴" + " " * 900_000),
        ("phone", "13805710001" + "-" * 900_000),
        ("uscc", "91110000600037341L" + "-" * 900_000),
        ("name", ""),
        ("name", None),
        ("name", 7),
        ("status", "won"),
        ("level", "Z"),
        ("owner_id", "me"),
        ("expected_revenue_minor", 2**60),
        ("expected_revenue_minor", 10**13 + 1),
        ("expected_revenue_minor", -1),
        ("expected_revenue_minor", "12"),
        ("expected_revenue_minor", 1.5),
        ("tags", ["x"]),
        ("no_such_field", 1),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name(field: str, typed: Any) -> None:
    with pytest.raises(Invalid) as refused:
        fields.accept("customer", {field: typed})

    assert refused.value.field == field


# The first text of a run builds Hypothesis' tables of Unicode, which takes a second or two.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(SCHEMA.fields("customer"))), ANYTHING))
def test_normal_forms_are_fixed_points_and_nothing_else_escapes(
    given_fields: dict[str, Any],
) -> None:
    accepted, refusals = fields.examine("customer", given_fields)

    assert set(accepted) | {refusal.field for refusal in refusals} == set(given_fields)
    assert fields.accept("customer", accepted) == accepted


def test_all_that_is_wrong_is_told_at_once() -> None:
    accepted, refusals = fields.examine("customer", {"name": "茶行", "phone": "1", "uscc": "2"})

    assert accepted == {"name": "茶行"}
    assert [(refusal.field, refusal.code) for refusal in refusals] == [
        ("phone", "bad_phone"),
        ("uscc", "bad_uscc"),
    ]


def test_a_new_customer_needs_a_name() -> None:
    with pytest.raises(Invalid) as refused:
        fields.ensure_complete("customer", {"city": "绍兴"})

    assert refused.value.field == "name"
