"""Customers, and what everybody writes about them."""

from typing import Final

from sync_protocol.schema.fields import (
    E164,
    MAX_REVENUE_MINOR,
    OF_CUSTOMER,
    FieldSpec,
    FieldType,
    Policy,
    RecordSpec,
)

CUSTOMER_STATUSES: Final = ("potential", "need", "intent", "signed", "dormant", "lost")
CUSTOMER_LEVELS: Final = ("A", "B", "C", "D")

CONTACT_ROLES: Final = ("decides", "influences", "uses", "buys", "guards")
"""What somebody is to a purchase; who guards (守门人) keeps others from being met."""
STANCES: Final = ("supports", "leans", "neutral", "doubts", "opposes")
"""Where somebody stands to us, the best first."""

_USCC: Final = r"[0-9A-HJ-NPQRTUWXY]{18}"

CUSTOMER: Final = RecordSpec(
    number=1,
    kind="customer",
    extensible=True,
    fields=(
        FieldSpec(number=1, name="name", required=True),
        FieldSpec(number=2, name="uscc", max_length=18, pattern=_USCC),
        FieldSpec(number=3, name="phone", max_length=16, pattern=E164),
        FieldSpec(number=4, name="city", max_length=100),
        FieldSpec(number=5, name="district", max_length=100),
        FieldSpec(number=6, name="address", max_length=500),
        FieldSpec(number=7, name="industry", max_length=100),
        FieldSpec(number=8, name="status", choices=CUSTOMER_STATUSES),
        FieldSpec(number=9, name="level", choices=CUSTOMER_LEVELS),
        FieldSpec(number=10, name="source", max_length=100),
        FieldSpec(number=11, name="owner_id", type=FieldType.UUID, policy=Policy.STRICT),
        FieldSpec(number=12, name="team_id", type=FieldType.UUID, policy=Policy.STRICT),
        FieldSpec(
            number=13,
            name="expected_revenue_minor",
            type=FieldType.INT,
            minimum=0,
            maximum=MAX_REVENUE_MINOR,
        ),
        FieldSpec(number=14, name="remark", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=15, name="tags", type=FieldType.SET, policy=Policy.OR_SET),
    ),
)
STORE: Final = RecordSpec(
    number=2,
    kind="store",
    parent="customer_id",
    extensible=True,
    fields=(
        OF_CUSTOMER,
        FieldSpec(number=2, name="name"),
        FieldSpec(number=3, name="address", max_length=500),
        FieldSpec(number=4, name="city", max_length=100),
        FieldSpec(number=5, name="district", max_length=100),
        FieldSpec(
            number=6, name="lat", type=FieldType.INT, minimum=-90_000_000, maximum=90_000_000
        ),
        FieldSpec(
            number=7, name="lng", type=FieldType.INT, minimum=-180_000_000, maximum=180_000_000
        ),
        FieldSpec(number=8, name="phone", max_length=16, pattern=E164),
    ),
)
CONTACT: Final = RecordSpec(
    number=3,
    kind="contact",
    parent="customer_id",
    extensible=True,
    fields=(
        OF_CUSTOMER,
        FieldSpec(number=2, name="store_id", type=FieldType.UUID, references="store"),
        FieldSpec(number=3, name="name", required=True),
        FieldSpec(number=4, name="title", max_length=100),
        FieldSpec(number=5, name="phone", max_length=16, pattern=E164),
        FieldSpec(number=6, name="email", max_length=254),
        FieldSpec(number=7, name="wechat", max_length=100),
        FieldSpec(number=8, name="remark", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=9, name="role", choices=CONTACT_ROLES, since=4),
        FieldSpec(number=10, name="stance", choices=STANCES, since=4),
    ),
)
NOTE: Final = RecordSpec(
    number=4,
    kind="note",
    parent="customer_id",
    deletable=False,
    fields=(
        OF_CUSTOMER,
        FieldSpec(number=2, name="body", policy=Policy.APPEND, required=True, max_length=10_000),
        FieldSpec(
            number=3, name="author_id", type=FieldType.UUID, policy=Policy.FIXED, server_only=True
        ),
        FieldSpec(number=4, name="written_at", type=FieldType.TIME, policy=Policy.APPEND),
    ),
)
TAG: Final = RecordSpec(
    number=5,
    kind="tag",
    fields=(
        FieldSpec(number=1, name="name", required=True, max_length=50),
        FieldSpec(number=2, name="colour", max_length=30),
        FieldSpec(number=3, name="meaning", required=True, max_length=500),
        FieldSpec(number=4, name="owner_id", type=FieldType.UUID, policy=Policy.STRICT),
        FieldSpec(number=5, name="expires_on", type=FieldType.DATE),
    ),
)
