"""Tables of reviews, as facts on disk."""

from piccolo.columns import JSONB, UUID, Array, Boolean, Integer, Text, Timestamptz
from piccolo.table import Table


class BenefitTrace(Table, tablename="benefit_trace"):
    """What is known of a benefit that was issued: tokens and opaque ids, no name and no phone."""

    issuance_id = UUID(primary_key=True)
    agent_id = UUID()
    program_id = UUID()
    person_id = UUID()
    """Who asked for it."""
    approved_by = UUID(null=True)
    """Who of the platform approved the batch that it came of."""
    customer_token = Text()
    phone_tokens = Array(Text())
    """Of the customer's phones, in the program: an HMAC under its key."""
    device_token = Text(null=True)
    is_staff = Boolean()
    """One of the phones is that of somebody of the agent itself."""
    issued_at = Timestamptz()
    screened_at = Timestamptz(null=True)


class BenefitGuard(Table, tablename="benefit_guard"):
    """From when on what counts as a signal in a program. Insert only; the last version holds."""

    program_id = UUID()
    version = Integer(primary_key=True)
    guards = JSONB()
    set_by = UUID()
    set_at = Timestamptz()


class BenefitReview(Table, tablename="benefit_review"):
    """A benefit that looked like fraud, why, and what somebody said who looked at it."""

    issuance_id = UUID(primary_key=True)
    agent_id = UUID()
    program_id = UUID()
    customer_token = Text()
    person_id = UUID()
    approved_by = UUID(null=True)
    signals = JSONB()
    state = Text()
    opened_at = Timestamptz()
    due_at = Timestamptz()
    """When somebody should have decided."""
    owner_id = UUID(null=True)
    """Who of the platform looks at it."""
    decided_by = UUID(null=True)
    decided_at = Timestamptz(null=True)
    reason = Text(null=True)
    appeal = Text(null=True)
    """The owner's one answer to a rejection."""
    appealed_by = UUID(null=True)
    appealed_at = Timestamptz(null=True)
    settled_by = UUID(null=True)
    """Who decided about the answer, for good."""
    settled_at = Timestamptz(null=True)
    settled_reason = Text(null=True)
