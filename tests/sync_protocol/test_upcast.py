"""What an old app made is settled as if it had been made today."""

from sync_protocol import version
from sync_protocol.merge import EditClock, settle_batch
from sync_protocol.messages import Create, Delete, Edit, ReceivedOp, SetChange, op_digest
from sync_protocol.upcast import STEPS, Step, upcast
from tests.sync_protocol.stories import NOON, SHOP, VIP, edit

STORY = {
    5: (Step(kind="customer", field="town", renamed_to="city"),),
    6: (
        Step(kind="customer", field="city", convert=lambda city: f"{city}市"),
        Step(kind="customer", field="labels", renamed_to="tags"),
    ),
}


def test_an_op_is_brought_up_step_by_step() -> None:
    old: list[ReceivedOp] = [
        edit(1, town="杭州"),
        Create(number=2, kind="customer", id=SHOP, fields={"town": "宁波"}, at_ms=1, base=0),
        Edit(
            number=3, kind="customer", id=SHOP, sets={"labels": SetChange(add=(VIP,))},
            at_ms=1, base=0,
        ),
        Delete(number=4, kind="customer", id=SHOP, at_ms=1, base=0),
    ]  # fmt: skip

    first, second, third, fourth = upcast(old, 4, steps=STORY, present=6)

    assert isinstance(first, Edit)
    assert isinstance(second, Create)
    assert isinstance(third, Edit)
    assert (first.fields, second.fields) == ({"city": "杭州市"}, {"city": "宁波市"})
    assert third.sets == {"tags": SetChange(add=(VIP,))}
    assert fourth == old[3]


def test_what_was_made_under_the_present_schema_stays() -> None:
    ops = [edit(1, city="杭州")]

    assert upcast(ops, 6, steps=STORY, present=6) == ops
    assert upcast(ops, 7, steps=STORY, present=6) == ops
    assert upcast(ops, 5, steps=STORY, present=6) != ops


def test_another_kind_is_left_alone() -> None:
    op = Edit(number=1, kind="store", id=SHOP, fields={"town": "杭州"}, at_ms=1, base=0)

    assert upcast([op], 1, steps=STORY, present=6) == [op]


def test_the_digest_of_an_op_is_that_of_the_op_as_it_came() -> None:
    op = edit(1, town="杭州")
    before = op_digest(op)

    (raised,) = upcast([op], 4, steps=STORY, present=6)

    assert op_digest(op) == before != op_digest(raised)


def test_steps_are_of_versions_that_exist() -> None:
    assert all(1 < each <= version.SCHEMA_VERSION for each in STEPS)


def test_a_field_of_a_newer_schema_is_an_outcome() -> None:
    op = Create(
        number=1, kind="customer", id=SHOP, fields={"name": "福满楼", "mood": "好"}, at_ms=1, base=0
    )

    result = settle_batch({}, upcast([op], 99), device=VIP, clock=EditClock(received_at_ms=NOON))

    assert [(each.status, each.code) for each in result.outcomes] == [("rejected", "field_unknown")]
