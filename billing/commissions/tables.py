"""Tables of commissions, as facts on disk. Amounts stand on the ledger's accounts, too."""

from piccolo.columns import JSONB, UUID, BigInt, Boolean, Bytea, Date, Integer, Text, Timestamptz
from piccolo.table import Table


class CommissionPlanVersion(Table, tablename="commission_plan_version"):
    """What a plan pays from a day on. Insert only."""

    id = UUID(primary_key=True)
    plan_id = UUID()
    begins_on = Date()
    terms = JSONB()
    published_by = UUID()
    published_at = Timestamptz()


class CommissionSale(Table, tablename="commission_sale"):
    """Something sold that commission is paid for, and how much of it was refunded."""

    id = UUID(primary_key=True)
    plan_id = UUID()
    version_id = UUID()
    agent_id = UUID()
    """Who sold it, the first of several: whose tiers it counts for."""
    contract_id = UUID()
    on_day = Date()
    sold = BigInt()
    """In what the plan measures: minor units, pieces or one."""
    refunded = BigInt()
    fingerprint = Bytea(null=True)
    """Of all that was asked; null in rows from before it was kept."""
    contract_number = Text(null=True)
    revenue_minor = BigInt(null=True)
    """What the customer pays; null where nobody has said it."""
    tier_base = BigInt(null=True)
    """What was sold before it in its month; null in rows from before it was kept."""


class CommissionRefund(Table, tablename="commission_refund"):
    """A part of a sale that was taken back. Insert only."""

    id = UUID(primary_key=True)
    sale_id = UUID()
    refunded = BigInt()
    recorded_at = Timestamptz()
    reason = Text(null=True)


class CommissionLine(Table, tablename="commission_line"):
    """What one agent gets for one sale. Its hold is the transfer with the same id."""

    id = UUID(primary_key=True)
    sale_id = UUID()
    agent_id = UUID()
    level = Integer()
    """0 for who sold, 1 for the agent above, and so on."""
    currency = Text()
    amount_minor = BigInt()
    payable_on = Date()
    state = Text()
    """`held`, `earned` or `cancelled`, as the ledger says."""


class CommissionItem(Table, tablename="commission_item"):
    """What an agent's account gained or lost. Its transfer has the same id. Insert only."""

    id = UUID(primary_key=True)
    line_id = UUID()
    agent_id = UUID()
    kind = Text()
    currency = Text()
    amount_minor = BigInt()
    """Below nothing where it was taken back."""
    recorded_at = Timestamptz()


class CounterOffer(Table, tablename="counter_offer"):
    """A simulation of what matching a rival would cost; answered once."""

    id = UUID(primary_key=True)
    question = Bytea()
    """As JSON, like what follows: its very bytes are hashed."""
    inputs = Bytea()
    asked_by = UUID()
    asked_at = Timestamptz()
    answer = Bytea(null=True)
    hash = Bytea(null=True)
    """Of question, inputs and answer."""
    answered_at = Timestamptz(null=True)


class PayoutBatch(Table, tablename="payout_batch"):
    """Payments that are let go together, by somebody else than who put them together."""

    id = UUID(primary_key=True)
    number = BigInt(null=True)
    """Counted under a lock; null in rows from before it was kept."""
    hash = Bytea()
    minimum_minor = BigInt(null=True)
    """Who was owed less waits; null in rows from before it was kept."""
    made_by = UUID()
    made_at = Timestamptz()
    approved_by = UUID(null=True)
    approved_at = Timestamptz(null=True)
    declared_n = BigInt(null=True)
    """What was said last of who is a natural person when it was let go; null before it was kept."""
    discarded_at = Timestamptz(null=True)
    """When it was given up; never after it was approved."""


class PayoutPayment(Table, tablename="payout_payment"):
    """What one agent is paid in a batch."""

    id = UUID(primary_key=True)
    batch_id = UUID()
    agent_id = UUID()
    currency = Text()
    amount_minor = BigInt()
    withheld_minor = BigInt()
    """What of the amount goes to the tax office."""
    state = Text()
    """`drafted`, `discarded`, `ordered`, `paid`, `failed` or `returned`."""
    settled_by = UUID(null=True)
    """Who said the bank's last answer; null before, and in rows from before it was kept."""
    settled_at = Timestamptz(null=True)
    """When the bank's last answer was said; null before, and in rows from before it was kept."""
    paid_at = Timestamptz(null=True)
    """When it was said that the bank paid; stays when the payment comes back."""
    reason = Text(null=True)
    """Why the bank did not pay or gave back; null before, and in rows from before it was kept."""


class PayoutItem(Table, tablename="payout_item"):
    """An item that is in a payment; in one live payment at most."""

    payment_id = UUID(primary_key=True)
    item_id = UUID()
    is_live = Boolean()


class PayoutFile(Table, tablename="payout_file"):
    """A bank's file that was written of a batch. Insert only; the accounts are not kept."""

    id = UUID(primary_key=True)
    batch_id = UUID()
    n = Integer()
    """The how manieth of its batch."""
    sha256 = Bytea()
    """Of its bytes."""
    sums_minor = JSONB()
    """What it told the bank to pay, by currency."""
    payees = JSONB()
    """Of each agent the account's last digits, a keyed hash of it with and without the agent, and
    whether it was another before."""
    written_by = UUID()
    written_at = Timestamptz()


class NaturalPerson(Table, tablename="natural_person"):
    """Whether an agent is a natural person, of whose commission tax is withheld. Insert only."""

    id = UUID(primary_key=True)
    n = BigInt()
    """Counted under a lock: it was said before what has a larger one, whatever `said_at` says."""
    agent_id = UUID()
    is_one = Boolean()
    """As the newest row of the agent says."""
    said_by = UUID()
    said_at = Timestamptz()
