"""What is sold and at what prices, and quotes."""

from typing import Final

from sync_protocol.schema.fields import (
    MAX_REVENUE_MINOR,
    OF_CUSTOMER,
    FieldSpec,
    FieldType,
    Policy,
    RecordSpec,
)

PRODUCT_STATES: Final = ("active", "retired")
CURRENCIES: Final = ("CNY", "HKD", "USD", "EUR")
"""Those whose minor unit is a hundredth."""
QUOTE_STATES: Final = (
    *("draft", "waiting", "approved", "sent", "accepted", "refused", "expired", "withdrawn"),
)

PRODUCT: Final = RecordSpec(
    number=13,
    kind="product",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="name", server_only=True),
        FieldSpec(number=2, name="code", max_length=40, server_only=True),
        FieldSpec(number=3, name="unit", max_length=20, server_only=True),
        FieldSpec(number=4, name="tax_bp", type=FieldType.INT, server_only=True),
        FieldSpec(number=5, name="prices", type=FieldType.ANY, server_only=True),
        FieldSpec(number=6, name="state", choices=PRODUCT_STATES, server_only=True),
    ),
)
PRICE_BOOK: Final = RecordSpec(
    number=24,
    kind="price_book",
    creatable=False,
    deletable=False,
    since=4,
    fields=(
        FieldSpec(number=1, name="name", max_length=100, server_only=True),
        FieldSpec(number=2, name="currency", choices=CURRENCIES, server_only=True),
        FieldSpec(number=3, name="valid_from", type=FieldType.DATE, server_only=True),
        FieldSpec(number=4, name="valid_until", type=FieldType.DATE, server_only=True),
        FieldSpec(number=5, name="state", choices=PRODUCT_STATES, server_only=True),
    ),
)
QUOTE: Final = RecordSpec(
    number=14,
    kind="quote",
    parent="customer_id",
    deletable=False,
    since=4,
    fields=(
        OF_CUSTOMER,
        FieldSpec(
            number=2,
            name="opportunity_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            required=True,
            references="opportunity",
        ),
        FieldSpec(
            number=3,
            name="price_book_id",
            type=FieldType.UUID,
            policy=Policy.FIXED,
            required=True,
            references="price_book",
        ),
        FieldSpec(number=4, name="name", required=True),
        FieldSpec(number=5, name="lines", policy=Policy.STRICT, required=True, max_length=60_000),
        FieldSpec(
            number=6,
            name="discount_minor",
            type=FieldType.INT,
            policy=Policy.STRICT,
            minimum=0,
            maximum=MAX_REVENUE_MINOR,
        ),
        FieldSpec(number=7, name="valid_until", type=FieldType.DATE, policy=Policy.STRICT),
        FieldSpec(number=8, name="remark", policy=Policy.TEXT_MERGE, max_length=5_000),
        FieldSpec(number=9, name="state", choices=QUOTE_STATES, server_only=True),
        FieldSpec(number=10, name="state_since", type=FieldType.TIME, server_only=True),
        FieldSpec(number=11, name="currency", choices=CURRENCIES, server_only=True),
        FieldSpec(number=12, name="total_minor", type=FieldType.INT, server_only=True),
        FieldSpec(number=13, name="approved_hash", max_length=32, server_only=True),
        FieldSpec(number=14, name="edited_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=15, name="submitted_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=16, name="decided_by", type=FieldType.UUID, server_only=True),
        FieldSpec(number=17, name="decision", server_only=True),
    ),
)
