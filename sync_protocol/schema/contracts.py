"""Contracts with customers, and how they are paid."""

from typing import Final

from sync_protocol.schema.fields import (
    MAX_REVENUE_MINOR,
    OF_CUSTOMER,
    FieldSpec,
    FieldType,
    Policy,
    RecordSpec,
)
from sync_protocol.schema.sales import CURRENCIES

CONTRACT_STATES: Final = (
    *("draft", "waiting", "approved", "signed", "in_force", "ended", "terminated", "void"),
)


def _named(number: int, name: str, kind: str) -> FieldSpec:
    """Give a field that names what a contract is made from."""
    return FieldSpec(
        number=number, name=name, type=FieldType.UUID, policy=Policy.FIXED, references=kind
    )


CONTRACT: Final = RecordSpec(
    number=15,
    kind="contract",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        OF_CUSTOMER,
        _named(2, "opportunity_id", "opportunity"),
        _named(3, "quote_id", "quote"),
        _named(4, "renews_id", "contract"),
        FieldSpec(number=5, name="title", required=True),
        FieldSpec(number=6, name="number", max_length=60),
        FieldSpec(number=7, name="party_a"),
        FieldSpec(number=8, name="party_b"),
        FieldSpec(number=9, name="currency", choices=CURRENCIES, policy=Policy.STRICT),
        FieldSpec(
            number=10,
            name="amount_minor",
            type=FieldType.INT,
            policy=Policy.STRICT,
            minimum=0,
            maximum=MAX_REVENUE_MINOR,
        ),
        FieldSpec(number=11, name="plan", policy=Policy.STRICT, max_length=20_000),
        FieldSpec(number=12, name="effective_on", type=FieldType.DATE, policy=Policy.STRICT),
        FieldSpec(number=13, name="ends_on", type=FieldType.DATE, policy=Policy.STRICT),
        FieldSpec(number=14, name="account_manager_id", type=FieldType.UUID),
        FieldSpec(number=15, name="remark", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=16, name="state", choices=CONTRACT_STATES, server_only=True),
        FieldSpec(number=17, name="state_since", type=FieldType.TIME, server_only=True),
        FieldSpec(number=18, name="signed_on", type=FieldType.DATE, server_only=True),
        FieldSpec(number=19, name="closed_on", type=FieldType.DATE, server_only=True),
        FieldSpec(number=20, name="lines", max_length=60_000, server_only=True),
        FieldSpec(number=21, name="received", type=FieldType.ANY, server_only=True),
        FieldSpec(number=22, name="received_minor", type=FieldType.INT, server_only=True),
        FieldSpec(number=23, name="approved_hash", max_length=32, server_only=True),
        FieldSpec(number=24, name="edited_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=25, name="submitted_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=26, name="decided_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=27, name="decision", server_only=True),
    ),
)
