"""The records that travel: their fields, the type of each value, and how two edits are settled.

A field's number is its name on compact wires and is never used again for anything else. The names
are the project's one vocabulary: the same in a device's store, in the database and in the REST API.

Each room has a module of its kinds; here they come together.
"""

from typing import Final

from sync_protocol.schema.activities import (
    APPEAL_STATES,
    BAN_REASONS,
    CALL,
    CALL_BAN,
    CALL_DIRECTIONS,
    CALL_OUTCOMES,
    ESCALATIONS,
    MAX_CALL_S,
    MAX_FIX_AGE_S,
    TASK,
    TASK_PRIORITIES,
    VISIT,
)
from sync_protocol.schema.attachments import ATTACHMENT, ATTACHMENT_STATES
from sync_protocol.schema.cases import (
    CASE_CATEGORIES,
    CASE_SEVERITIES,
    CASE_STATES,
    SERVICE_CASE,
)
from sync_protocol.schema.conflicts import CONFLICT, CONFLICT_STATES
from sync_protocol.schema.contracts import CONTRACT, CONTRACT_STATES
from sync_protocol.schema.custom import (
    CUSTOM_FIELD,
    CUSTOM_OBJECT,
    CUSTOM_RECORD,
    CUSTOM_STATES,
    CUSTOM_SUBJECTS,
    WRITERS,
    CustomType,
)
from sync_protocol.schema.customers import (
    CONTACT,
    CONTACT_ROLES,
    CUSTOMER,
    CUSTOMER_LEVELS,
    CUSTOMER_STATUSES,
    NOTE,
    STANCES,
    STORE,
    TAG,
)
from sync_protocol.schema.fields import (
    MAX_REVENUE_MINOR,
    MAX_SAFE_INT,
    FieldSpec,
    FieldType,
    Policy,
    RecordSpec,
)
from sync_protocol.schema.kinds import Outline, Schema
from sync_protocol.schema.leads import (
    CAMPAIGN,
    CAMPAIGN_STATES,
    LEAD,
    LEAD_SOURCE,
    LEAD_STATES,
    RETURN_REASONS,
    SOURCE_CHANNELS,
    SOURCE_STATES,
)
from sync_protocol.schema.pipeline import (
    FORECAST_CATEGORIES,
    LOST_REASONS,
    OPPORTUNITY,
    OPPORTUNITY_STATES,
    PROCESS,
    PROCESS_STATES,
)
from sync_protocol.schema.registrations import (
    CLOCK_FLAGS,
    REGISTRATION,
    REGISTRATION_REASONS,
    REGISTRATION_STATES,
)
from sync_protocol.schema.requests import (
    PARTIES,
    REQUEST_STATES,
    RESOURCE_REQUEST,
    RESOURCES,
    VERDICTS,
)
from sync_protocol.schema.sales import (
    CURRENCIES,
    PRICE_BOOK,
    PRODUCT,
    PRODUCT_STATES,
    QUOTE,
    QUOTE_STATES,
)
from sync_protocol.schema.values import (
    MAX_ANY_DEPTH,
    MAX_ANY_ITEMS,
    MAX_SET_SIZE,
    MAX_TIME_MS,
    ValueRefused,
    check,
    is_clean_text,
    is_day,
    is_uuid,
)

__all__ = [
    "APPEAL_STATES",
    "ATTACHMENT",
    "ATTACHMENT_STATES",
    "BAN_REASONS",
    "CALL",
    "CALL_BAN",
    "CALL_DIRECTIONS",
    "CALL_OUTCOMES",
    "CAMPAIGN",
    "CAMPAIGN_STATES",
    "CASE_CATEGORIES",
    "CASE_SEVERITIES",
    "CASE_STATES",
    "CLOCK_FLAGS",
    "CONFLICT",
    "CONFLICT_STATES",
    "CONTACT",
    "CONTACT_ROLES",
    "CONTRACT",
    "CONTRACT_STATES",
    "CURRENCIES",
    "CUSTOMER",
    "CUSTOMER_LEVELS",
    "CUSTOMER_STATUSES",
    "CUSTOM_FIELD",
    "CUSTOM_OBJECT",
    "CUSTOM_RECORD",
    "CUSTOM_STATES",
    "CUSTOM_SUBJECTS",
    "ESCALATIONS",
    "FORECAST_CATEGORIES",
    "LEAD",
    "LEAD_SOURCE",
    "LEAD_STATES",
    "LOST_REASONS",
    "MAX_ANY_DEPTH",
    "MAX_ANY_ITEMS",
    "MAX_CALL_S",
    "MAX_FIX_AGE_S",
    "MAX_REVENUE_MINOR",
    "MAX_SAFE_INT",
    "MAX_SET_SIZE",
    "MAX_TIME_MS",
    "NOTE",
    "OPPORTUNITY",
    "OPPORTUNITY_STATES",
    "PARTIES",
    "PRICE_BOOK",
    "PROCESS",
    "PROCESS_STATES",
    "PRODUCT",
    "PRODUCT_STATES",
    "QUOTE",
    "QUOTE_STATES",
    "REGISTRATION",
    "REGISTRATION_REASONS",
    "REGISTRATION_STATES",
    "REQUEST_STATES",
    "RESOURCES",
    "RESOURCE_REQUEST",
    "RETURN_REASONS",
    "SCHEMA",
    "SERVICE_CASE",
    "SOURCE_CHANNELS",
    "SOURCE_STATES",
    "STANCES",
    "STORE",
    "TAG",
    "TASK",
    "TASK_PRIORITIES",
    "VERDICTS",
    "VISIT",
    "WRITERS",
    "CustomType",
    "FieldSpec",
    "FieldType",
    "Outline",
    "Policy",
    "RecordSpec",
    "Schema",
    "ValueRefused",
    "check",
    "fields_of",
    "is_clean_text",
    "is_day",
    "is_uuid",
    "parent_of",
]

SCHEMA: Final = Schema(
    (
        *(TAG, CUSTOM_OBJECT, CUSTOM_FIELD, LEAD_SOURCE, CAMPAIGN, PROCESS, PRODUCT, PRICE_BOOK),
        *(CUSTOMER, STORE, CONTACT, NOTE, VISIT, CALL, CALL_BAN, TASK, LEAD, OPPORTUNITY, QUOTE),
        *(CONTRACT, REGISTRATION, SERVICE_CASE, RESOURCE_REQUEST, CUSTOM_RECORD),
        *(ATTACHMENT, CONFLICT),
    )
)
"""What travels in this version: parents come before their children."""


def fields_of(kind: str) -> tuple[FieldSpec, ...]:
    """Answer the fields of a kind of record that travels, in the order of their numbers."""
    return SCHEMA.record(kind).fields


def parent_of(kind: str) -> str | None:
    """Answer the field that names the customer a kind of record is seen with."""
    return SCHEMA.record(kind).parent
