"""A process as its form holds it: read, changed by buttons, and written again."""

from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_portal.processes import sketch
from sync_protocol.process import definition
from sync_protocol.process.built_in import BUILT_IN
from sync_protocol.process.definition import DefinitionInvalid, Fault
from tests.partner_portal.forms import fields_of


def new_ids() -> Iterator[str]:
    """Make ids as the product does, but countable."""
    return (f"00000000-0000-7000-9000-{number:012x}" for number in count(1))


def test_a_form_gives_back_what_it_was_drawn_from() -> None:
    stages = sketch.read(fields_of(sketch.drawn(BUILT_IN)))

    assert definition.accept(sketch.written(stages)) == BUILT_IN


PLACES = st.builds(
    ".".join,
    st.tuples(
        st.sampled_from(["add", "remove", "up", "down"]),
        st.sampled_from(["s", "s0", "s1.t", "s1.t0", "s2.t0.p", "s2.t0.p0", "s0.t0.c", "s9.t9"]),
    ),
)


@given(st.lists(PLACES | st.text(max_size=12), max_size=12))
@settings(max_examples=60)
def test_no_button_breaks_the_form_and_ids_stay_apart(asked: list[str]) -> None:
    stages, fresh = sketch.drawn(BUILT_IN), new_ids()

    for each in asked:
        sketch.changed(stages, each, lambda: next(fresh))

    assert sketch.read(fields_of(stages)) == stages
    ids = [value for name, value in fields_of(stages).items() if name.endswith(".id")]
    assert len(ids) == len(set(ids))


def test_a_stage_is_added_before_the_signature_and_needs_a_name() -> None:
    stages, fresh = sketch.drawn(BUILT_IN), new_ids()

    sketch.changed(stages, "add.s", lambda: next(fresh))

    with pytest.raises(DefinitionInvalid) as refused:
        definition.accept(sketch.written(stages))
    assert (refused.value.fault, sketch.name_of(refused.value.path)) == (
        Fault.MALFORMED,
        "s3.name",
    )
    stages[3]["name"] = "试用"
    assert [stage.name for stage in definition.accept(sketch.written(stages)).stages] == [
        "线索",
        "准商机",
        "商机",
        "试用",
        "签约",
    ]


@pytest.mark.parametrize(
    ("path", "name", "standing"),
    [
        ("stages[0].probability", "s0.probability", ["线索"]),
        (
            "stages[1].steps[0].templates[0].lines[3]",
            "s1.t0.p0.body",
            ["准商机", "上门拜访并记录需求", "需求记录表"],
        ),
        ("stages[1].steps[1].templates", "s1.t1", ["准商机", "产品演示"]),
        (
            "stages[0].steps[0].cases[0].text",
            "s0.t0.c0.text",
            ["线索", "核实联系人和需求", "三句话约到老板"],
        ),
        ("stages", "", []),
    ],
)
def test_a_fault_is_shown_where_it_is(path: str, name: str, standing: list[str]) -> None:
    assert sketch.name_of(path) == name
    assert sketch.standing(sketch.drawn(BUILT_IN), path) == standing
