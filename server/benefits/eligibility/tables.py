"""Tables of eligibility, as facts on disk."""

from piccolo.columns import JSONB, UUID, Integer, Text, Timestamptz
from piccolo.table import Table


class BenefitRules(Table, tablename="benefit_rules"):
    """A version of who may have a program's benefits. Global; written once, published once."""

    program_id = UUID()
    version = Integer()
    id = UUID(primary_key=True)
    """Made by who proposed it."""
    rules = JSONB()
    hash = Text()
    proposed_by = UUID()
    proposed_at = Timestamptz()
    published_by = UUID(null=True)
    published_at = Timestamptz(null=True)
    seen_hash = Text(null=True)
    """Of the simulation that was shown to who published it."""


class EligibilitySample(Table, tablename="eligibility_sample"):
    """What a program's rules saw of a request: without customer, agent or token. Global."""

    id = UUID(primary_key=True)
    program_id = UUID()
    decided_at = Timestamptz()
    rules_version = Integer()
    facts = JSONB()
    refusal_code = Text(null=True)
