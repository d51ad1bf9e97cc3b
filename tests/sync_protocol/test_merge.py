"""Stories of two people who write without seeing each other."""

import msgspec
import pytest

from sync_protocol.conflicts import Version
from sync_protocol.merge import (
    EditClock,
    HeldRecord,
    Rules,
    decode_versions,
    encode_versions,
    needed,
    settle_batch,
)
from sync_protocol.messages import (
    Create,
    Delete,
    Edit,
    Intent,
    Outcome,
    RecordOp,
    Status,
    Unreadable,
    op_digest,
)
from sync_protocol.schema import (
    FieldSpec,
    FieldType,
    Policy,
    RecordSpec,
    Schema,
    ValueRefused,
)
from tests.sync_protocol.stories import (
    HELD_KEY,
    LI,
    NEAR,
    NOON,
    OTHER_SHOP,
    SHOP,
    VIP,
    WANG,
    ZHAO,
    Tenant,
    edit,
    tag,
    tenant_with_shop,
)


def codes(outcomes: tuple[Outcome, ...]) -> list[tuple[str, str]]:
    return [(outcome.status.value, outcome.code) for outcome in outcomes]


def test_different_fields_never_meet() -> None:
    tenant = tenant_with_shop()

    tenant.push(WANG, edit(1, phone="+8613800000001"))
    result = tenant.push(LI, edit(1, city="杭州"))

    assert codes(result.outcomes) == [("applied", "applied")]
    assert (tenant.field("phone"), tenant.field("city")) == ("+8613800000001", "杭州")
    assert tenant.conflicts == []


def test_what_a_restored_device_forgot_is_unseen_like_anybodys_word() -> None:
    tenant = tenant_with_shop()

    tenant.push(WANG, edit(7, at_ms=10, city="杭州"))
    result = tenant.push(WANG, edit(8, at_ms=20, city="宁波"), lost=(6, 7))
    again = tenant.push(WANG, edit(9, at_ms=30, city="温州"), lost=(6, 7))

    assert codes(result.outcomes) == [("merged", "merged")]
    assert codes(again.outcomes) == [("applied", "applied")]
    assert tenant.conflicts == [("city", "宁波", "杭州")]


def test_the_later_of_two_concurrent_edits_is_held_and_the_other_is_kept() -> None:
    tenant = tenant_with_shop()

    tenant.push(WANG, edit(1, at_ms=20, city="杭州"))
    result = tenant.push(LI, edit(1, at_ms=10, city="宁波"))

    assert codes(result.outcomes) == [("merged", "merged")]
    assert tenant.field("city") == "杭州"
    assert tenant.conflicts == [("city", "杭州", "宁波")]
    assert result.outcomes[0].conflicts == (result.conflicts[0].id,)


def test_who_saw_the_value_replaces_it_whatever_the_clocks_say() -> None:
    tenant = tenant_with_shop()
    tenant.push(WANG, edit(1, at_ms=NOON, city="杭州"))

    result = tenant.push(LI, edit(1, at_ms=-(10**12), base=2, city="宁波"))

    assert codes(result.outcomes) == [("applied", "applied")]
    assert tenant.field("city") == "宁波"


def test_two_who_write_the_same_do_not_disagree() -> None:
    tenant = tenant_with_shop()

    tenant.push(WANG, edit(1, city="杭州"))
    result = tenant.push(LI, edit(1, city="杭州"))

    assert codes(result.outcomes) == [("applied", "applied")]
    assert tenant.conflicts == []


def test_a_value_that_two_wrote_is_nobodys_own_to_replace() -> None:
    tenant = tenant_with_shop()
    tenant.push(WANG, edit(1, at_ms=30, city="杭州"))
    tenant.push(LI, edit(1, at_ms=10, city="杭州"))

    tenant.push(WANG, edit(2, at_ms=40, city="宁波"))

    assert tenant.field("city") == "宁波"
    assert tenant.conflicts == [("city", "宁波", "杭州")], "Wang had not seen Li agree"


def test_a_text_that_a_device_wrote_elsewhere_is_not_its_own_to_replace() -> None:
    tenant = tenant_with_shop(remark="周三到货")
    # An edit of a customer that was merged into this one is led here.
    ops = [
        Edit(
            number=number,
            kind="customer",
            id=SHOP,
            fields={"remark": said},
            was={"remark": was},
            at_ms=number,
            base=0,
        )
        for number, said, was in ((1, "周三到货\n要发票", "周三到货"), (2, "找李店长", None))
    ]

    for op in ops:
        tenant.push(WANG, op)

    told = {str(text) for _, *texts in tenant.conflicts for text in texts}
    there = "\n".join({str(tenant.field("remark")), *told})
    assert all(word in there for word in ("周三到货", "要发票", "找李店长"))


def test_to_say_what_one_has_seen_is_no_change() -> None:
    tenant = tenant_with_shop(city="杭州")

    result = tenant.push(WANG, edit(1, city="杭州"))

    assert codes(result.outcomes) == [("applied", "unchanged")]


def test_a_device_never_disagrees_with_itself() -> None:
    tenant = tenant_with_shop()

    tenant.push(WANG, edit(1, at_ms=30, city="杭州"), edit(2, at_ms=20, city="宁波"))
    tenant.push(WANG, edit(3, at_ms=10, city="温州"))

    assert tenant.field("city") == "温州"
    assert tenant.conflicts == []


def test_a_clock_in_2099_wins_no_more_than_the_present() -> None:
    tenant = tenant_with_shop()
    tenant.push(WANG, edit(1, at_ms=4_070_908_800_000, city="杭州"), received=NOON)

    tenant.push(LI, edit(1, at_ms=NOON + 5, city="宁波"), received=NOON + 5)

    assert tenant.field("city") == "宁波"


def test_an_offset_corrects_a_clock_that_is_off() -> None:
    clock = EditClock(received_at_ms=NOON, offset_ms=-1_000, floor_ms=NOON - 500)

    assert clock.bound(NOON + 900) == NOON - 100
    assert clock.bound(NOON + 5_000) == NOON
    assert clock.bound(0) == NOON - 500


def test_a_strict_field_is_refused_and_not_guessed() -> None:
    tenant = tenant_with_shop()
    tenant.push(WANG, edit(1, owner_id=WANG))

    result = tenant.push(LI, edit(1, at_ms=99, owner_id=LI))

    assert codes(result.outcomes) == [("rejected", "strict_conflict")]
    assert tenant.field("owner_id") == WANG


def test_a_refused_field_takes_the_whole_edit_with_it() -> None:
    tenant = tenant_with_shop()
    tenant.push(WANG, edit(1, owner_id=WANG))

    tenant.push(LI, edit(1, city="宁波", owner_id=LI))

    assert tenant.field("city") is None


def test_a_note_is_written_once() -> None:
    tenant = tenant_with_shop()
    fields = {"customer_id": SHOP, "body": "要两箱"}
    note = Create(number=1, kind="note", id=OTHER_SHOP, fields=fields, at_ms=1, base=1)
    again = Edit(number=2, kind="note", id=OTHER_SHOP, fields={"body": "要三箱"}, at_ms=2, base=1)
    gone = Delete(number=3, kind="note", id=OTHER_SHOP, at_ms=3, base=1)

    result = tenant.push(WANG, note, again, gone)

    assert codes(result.outcomes) == [
        ("applied", "applied"),
        ("rejected", "field_fixed"),
        ("rejected", "not_allowed"),
    ]


def test_a_tag_that_is_added_while_another_removes_it_stays() -> None:
    tenant = tenant_with_shop(tags=[VIP])

    tenant.push(WANG, tag(1, remove=(VIP,)))
    tenant.push(LI, tag(1, add=(VIP, NEAR)))

    assert tenant.field("tags") == [VIP, NEAR]

    tenant.push(WANG, tag(2, remove=(VIP,), base=1))
    assert tenant.field("tags") == [VIP, NEAR], "Wang has not seen Li's addition"

    tenant.push(WANG, tag(3, remove=(VIP,), base=3))
    assert tenant.field("tags") == [NEAR]


def test_an_edit_that_did_not_see_the_deletion_revives() -> None:
    tenant = tenant_with_shop()
    tenant.push(WANG, Delete(number=1, kind="customer", id=SHOP, at_ms=99, base=1))

    result = tenant.push(LI, edit(1, at_ms=10, city="宁波"))

    assert codes(result.outcomes) == [("merged", "revived")]
    assert not tenant.records[HELD_KEY].deleted
    assert tenant.conflicts == [("deleted", False, True)]


def test_a_deletion_that_did_not_see_an_edit_stands_back() -> None:
    tenant = tenant_with_shop()
    tenant.push(LI, edit(1, city="宁波"))

    result = tenant.push(WANG, Delete(number=1, kind="customer", id=SHOP, at_ms=99, base=1))

    assert codes(result.outcomes) == [("merged", "edit_won")]
    assert not tenant.records[HELD_KEY].deleted
    assert tenant.conflicts == [("deleted", False, True)]


def test_what_the_server_found_out_holds_no_deletion_up() -> None:
    tenant = tenant_with_shop()
    photo = Create(
        number=2,
        kind="attachment",
        id=VIP,
        fields={
            "customer_id": SHOP,
            "subject_kind": "customer",
            "subject_id": SHOP,
            "media_type": "image/jpeg",
            "size": 1,
            "sha256": "0" * 64,
        },
        at_ms=1,
        base=1,
    )
    tenant.push(WANG, photo)
    held = tenant.records["attachment", VIP]
    tenant.records["attachment", VIP] = msgspec.structs.replace(
        held, fields={**held.fields, "state": "stored"}, versions={"state": Version(9, at_ms=NOON)}
    )

    result = tenant.push(WANG, Delete(number=3, kind="attachment", id=VIP, at_ms=11, base=2))

    assert result.outcomes[0].code == "applied"
    assert tenant.conflicts == []
    assert tenant.records["attachment", VIP].deleted


def test_a_deletion_that_was_seen_is_final() -> None:
    tenant = tenant_with_shop()
    delete = Delete(number=1, kind="customer", id=SHOP, at_ms=99, base=1)
    tenant.push(WANG, delete)

    after = tenant.push(LI, edit(1, base=2, city="宁波"))
    own = tenant.push(WANG, edit(2, base=1, city="宁波"))
    again = tenant.push(LI, Delete(number=2, kind="customer", id=SHOP, at_ms=1, base=2))

    assert codes(after.outcomes) == codes(own.outcomes) == [("rejected", "record_deleted")]
    assert codes(again.outcomes) == [("applied", "unchanged")]


def test_an_id_names_one_record() -> None:
    tenant = tenant_with_shop()
    create = Create(number=1, kind="customer", id=SHOP, fields={"name": "福满楼"}, at_ms=1, base=0)

    same = tenant.push(LI, create)
    other = tenant.push(LI, msgspec.structs.replace(create, number=2, fields={"name": "得月楼"}))

    assert codes(same.outcomes) == [("applied", "duplicate")]
    assert codes(other.outcomes) == [("rejected", "id_reused")]
    assert tenant.field("name") == "福满楼"


def test_a_creation_is_known_again_after_its_record_was_edited() -> None:
    tenant = tenant_with_shop(city="杭州")
    tenant.push(LI, edit(1, city="宁波"))
    fields = {"name": "福满楼", "city": "杭州"}
    create = Create(number=9, kind="customer", id=SHOP, fields=fields, at_ms=1, base=0)

    assert codes(tenant.push(ZHAO, create).outcomes) == [("applied", "duplicate")]


def test_what_needs_a_refused_creation_is_refused_with_it() -> None:
    tenant = Tenant()
    nameless = Create(number=1, kind="customer", id=SHOP, at_ms=1, base=0)
    fields = {"customer_id": SHOP, "name": "陈"}
    contact = Create(number=2, kind="contact", id=OTHER_SHOP, fields=fields, at_ms=1, base=0)
    benefit = Intent(
        number=4, id=OTHER_SHOP, name="request_benefit", args={"customer_id": SHOP}, at_ms=1
    )
    unrelated = Create(
        number=5, kind="customer", id=VIP, fields={"name": "得月楼"}, at_ms=1, base=0
    )

    result = tenant.push(WANG, nameless, contact, edit(3, city="杭州"), benefit, unrelated)

    assert codes(result.outcomes) == [
        ("rejected", "field_required"),
        ("dependency_rejected", "dependency_rejected"),
        ("dependency_rejected", "dependency_rejected"),
        ("dependency_rejected", "dependency_rejected"),
        ("applied", "applied"),
    ]


def test_a_parent_that_is_not_there_is_named() -> None:
    fields = {"customer_id": SHOP, "name": "陈"}
    contact = Create(number=1, kind="contact", id=OTHER_SHOP, fields=fields, at_ms=1, base=0)

    outcome = Tenant().push(WANG, contact).outcomes[0]

    assert (outcome.status, outcome.code) == (Status.DEPENDENCY_REJECTED, "parent_missing")
    assert outcome.field == "customer_id"


def test_an_atomic_group_is_applied_whole_or_not_at_all() -> None:
    tenant = tenant_with_shop()
    good = msgspec.structs.replace(edit(1, city="杭州"), group=(1, 3))
    bad = msgspec.structs.replace(edit(2, level="Z"), group=(1, 3))
    last = msgspec.structs.replace(edit(3, district="西湖"), group=(1, 3))

    result = tenant.push(WANG, good, bad, last, edit(4, industry="餐饮"))

    assert codes(result.outcomes) == [
        ("rejected", "group_rejected"),
        ("rejected", "value_invalid"),
        ("rejected", "group_rejected"),
        ("applied", "applied"),
    ]
    assert (tenant.field("city"), tenant.field("industry")) == (None, "餐饮")


def test_half_an_atomic_group_is_refused() -> None:
    tenant = tenant_with_shop()
    half = msgspec.structs.replace(edit(1, city="杭州"), group=(1, 2))

    result = tenant.push(WANG, half)

    assert codes(result.outcomes) == [("rejected", "group_incomplete")]


def test_an_unreadable_op_keeps_nobody_waiting() -> None:
    tenant = tenant_with_shop()

    result = tenant.push(
        WANG, Unreadable(number=1, field="kind", detail="Expected text."), edit(2, city="杭州")
    )

    assert codes(result.outcomes) == [("rejected", "op_unreadable"), ("applied", "applied")]


@pytest.mark.parametrize(
    ("op", "code", "field"),
    [
        (edit(1, city=5), "value_invalid", "city"),
        (edit(1, city="a\0b"), "value_invalid", "city"),
        (edit(1, city="\ud800"), "value_invalid", "city"),
        (edit(1, city="x" * 101), "value_invalid", "city"),
        (edit(1, expected_revenue_minor=2**53), "value_invalid", "expected_revenue_minor"),
        (edit(1, expected_revenue_minor=True), "value_invalid", "expected_revenue_minor"),
        (edit(1, phone="13800000000"), "value_invalid", "phone"),
        (edit(1, phone="+8613800000000\n"), "value_invalid", "phone"),
        (edit(1, owner_id="somebody"), "value_invalid", "owner_id"),
        (edit(1, name=None), "field_required", "name"),
        (edit(1, name=""), "field_required", "name"),
        (edit(1, shoe_size=42), "field_unknown", "shoe_size"),
        (edit(1, tags=[VIP]), "value_invalid", "tags"),
        (tag(1, add=(VIP, VIP)), "value_invalid", "tags"),
        (tag(1, add=("vip",)), "value_invalid", "tags"),
        (Edit(number=1, kind="deal", id=SHOP, at_ms=1, base=1), "kind_unknown", "kind"),
        (Edit(number=1, kind="customer", id=ZHAO.upper(), at_ms=1, base=1), "id_invalid", "id"),
        (Edit(number=1, kind="customer", id=VIP, at_ms=1, base=1), "not_found", None),
        (
            Create(number=1, kind="conflict", id=VIP, fields={"kept": 1}, at_ms=1, base=1),
            "field_server_only",
            "kept",
        ),
        (
            Create(number=1, kind="conflict", id=VIP, at_ms=1, base=1),
            "not_allowed",
            None,
        ),
    ],
)
def test_bad_ops_are_refused_by_field(op: RecordOp, code: str, field: str | None) -> None:
    tenant = tenant_with_shop()
    before = tenant.records[HELD_KEY]

    outcome = tenant.push(WANG, op).outcomes[0]

    assert (outcome.status, outcome.code, outcome.field) == (Status.REJECTED, code, field)
    assert outcome.detail.endswith(".")
    assert tenant.records == {HELD_KEY: before}


def test_what_is_out_of_sight_is_not_there() -> None:
    tenant = tenant_with_shop()
    hidden = msgspec.structs.replace(tenant.records[HELD_KEY], visible=False)
    tenant.records[HELD_KEY] = hidden

    assert tenant.push(WANG, edit(1, city="杭州")).outcomes[0].code == "not_found"


class HouseRules(Rules):
    """Phones are stored without spaces, and nobody moves to the moon."""

    def admit(self, op: RecordOp, held: HeldRecord | None) -> RecordOp:
        if isinstance(op, Edit) and "phone" in op.fields:
            phone = op.fields["phone"].replace(" ", "")
            return msgspec.structs.replace(op, fields={**op.fields, "phone": phone})
        return op

    def approve(self, before: HeldRecord | None, after: HeldRecord) -> HeldRecord:
        if after.fields["city"] == "月球":
            raise ValueRefused("city_unknown", "There is no such city.", "city")
        return after


def test_a_room_has_rules_of_its_own() -> None:
    tenant = tenant_with_shop()
    ops = [edit(1, phone="+86 138 0000 0000"), edit(2, city="月球")]

    result = settle_batch(
        tenant.records,
        ops,
        device=WANG,
        clock=EditClock(received_at_ms=NOON),
        rules=HouseRules(),
    )

    assert codes(result.outcomes) == [("applied", "applied"), ("rejected", "city_unknown")]
    assert result.records[HELD_KEY].fields["phone"] == "+8613800000000"
    assert result.records[HELD_KEY].fields["city"] is None


COUNTED = Schema(
    [
        RecordSpec(
            number=1,
            kind="customer",
            fields=(
                FieldSpec(number=1, name="name"),
                FieldSpec(
                    number=2, name="visits", type=FieldType.INT, policy=Policy.COUNTER, maximum=100
                ),
                FieldSpec(number=3, name="last_at", type=FieldType.TIME, policy=Policy.MAX),
                FieldSpec(number=4, name="first_at", type=FieldType.TIME, policy=Policy.MIN),
            ),
        )
    ]
)


def test_counters_add_up_and_extremes_stay() -> None:
    created = tenant_with_shop().records[HELD_KEY]
    held = {HELD_KEY: msgspec.structs.replace(created, fields={"name": "福满楼"})}
    ops = [edit(1, visits=2, last_at=50, first_at=50), edit(2, visits=3, last_at=40, first_at=60)]

    result = settle_batch(
        held, ops, device=WANG, clock=EditClock(received_at_ms=NOON), schema=COUNTED
    )
    over = settle_batch(
        result.records,
        [edit(3, visits=96)],
        device=WANG,
        clock=EditClock(received_at_ms=NOON),
        schema=COUNTED,
    )

    fields = result.records[HELD_KEY].fields
    assert (fields["visits"], fields["last_at"], fields["first_at"]) == (5, 50, 50)
    assert over.outcomes[0].code == "value_invalid"


def test_a_base_of_an_earlier_epoch_counts_only_up_to_the_restoration() -> None:
    tenant = tenant_with_shop()
    tenant.push(WANG, edit(1, at_ms=20, city="杭州"))
    clock = EditClock(received_at_ms=NOON)
    ops = [edit(1, base=500, city="宁波")]

    now = settle_batch(tenant.records, ops, device=LI, clock=clock)
    before = settle_batch(tenant.records, ops, device=LI, clock=clock, base_limit=1)

    assert codes(now.outcomes) == [("applied", "applied")]
    assert codes(before.outcomes) == [("merged", "merged")]


def test_what_must_be_loaded_is_known_before() -> None:
    fields = {"customer_id": OTHER_SHOP, "store_id": VIP, "name": "陈"}
    contact = Create(number=1, kind="contact", id=NEAR, fields=fields, at_ms=1, base=0)
    odd = Edit(number=2, kind="customer", id="x" * 36, at_ms=1, base=0)

    said = Intent(number=4, id=NEAR, name="service_case.comment", args={"case_id": NEAR}, at_ms=1)

    assert needed([contact, odd, edit(3, city="杭州"), said]) == {
        ("contact", NEAR),
        ("customer", OTHER_SHOP),
        ("store", VIP),
        ("customer", SHOP),
        ("service_case", NEAR),
    }


def test_versions_are_stored_small_and_come_back() -> None:
    tenant = tenant_with_shop(tags=[VIP])
    tenant.push(WANG, edit(1, city="杭州"))
    tenant.push(LI, tag(1, add=(NEAR,)))
    record = tenant.records[HELD_KEY]

    stored = encode_versions(record.versions, record.dots)

    assert stored == {
        "city": [2, WANG, 1, 10],
        "tags": {"": [3, LI, 1, 10], NEAR: [[3, LI, 1, 10]]},
    }
    assert decode_versions(stored) == (dict(record.versions), dict(record.dots))


def test_an_op_is_told_from_another_under_its_number() -> None:
    assert op_digest(edit(1, city="杭州")) == op_digest(edit(1, city="杭州"))
    assert op_digest(edit(1, city="杭州")) != op_digest(edit(1, city="宁波"))
