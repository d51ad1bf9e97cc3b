"""Tables of registrations, as facts on disk. The truth about keys is in the migrations."""

from piccolo.columns import JSONB, UUID, Array, BigInt, Boolean, Date, Integer, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class Registration(Synced, Table, tablename="registration"):
    """A customer that an agent has registered for itself, as the agent sees it."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    state = Text()
    state_since = Timestamptz()
    registered_by = UUID()
    earliest_at = Timestamptz()
    """It was made no sooner, and by `latest_at`."""
    latest_at = Timestamptz()
    clock_flag = Text(null=True)
    """What is wrong with the clock of the device on which it was made."""
    decides_at = Timestamptz()
    """When it is decided at the latest; sooner where somebody else came first."""
    protected_until = Timestamptz(null=True)
    extensions = BigInt()
    reason = Text(null=True)
    """Why it is not protected."""
    contest_until = Timestamptz(null=True)
    case_id = UUID(null=True)
    evidence_until = Timestamptz(null=True)


class RegistrationEvidence(Table, tablename="registration_evidence"):
    """A record of one's own that was shown for a registration. Insert only."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    """Made by who shows it, so that showing it twice shows it once."""
    registration_id = UUID()
    purpose = Text()
    """For an extension, or in a case."""
    kind = Text()
    record_id = UUID()
    happened_at = Timestamptz()
    is_vouched = Boolean()
    """Whether the server itself took the time, not a device."""
    shown_by = UUID()
    shown_at = Timestamptz()


class RegistrationCheck(Table, tablename="registration_check"):
    """How often somebody, or the company as a whole, was told today whether a customer is free."""

    tenant_id = UUID()
    user_id = UUID(primary_key=True)
    """Of the company's own count its `tenant_id`."""
    day = Date()
    asked = Integer()


class RegistrationTerms(Table, tablename="registration_terms"):
    """How long registrations protect and how many there may be, and since when. Global."""

    version = Integer(primary_key=True)
    holds_from = Timestamptz()
    terms = JSONB()
    set_by = UUID()
    set_at = Timestamptz()


class RegistryClock(Table, tablename="registry_clock"):
    """The one row that whoever writes the registry locks first. Global."""

    id = Integer(primary_key=True)
    key_check = Text(null=True)
    """A keyed hash of nothing, by which the key is known again; none before a first start."""


class RegistryEntry(Table, tablename="registry_entry"):
    """A registration as the registry knows it: whose, when, how it stands; no customer. Global."""

    id = UUID(primary_key=True)
    tenant_id = UUID()
    state = Text()
    earliest_ms = BigInt()
    latest_ms = BigInt()
    floor_ms = BigInt(null=True)
    """It was made between this and `ceiling_ms` as the server itself knows, where a phone's word
    says more."""
    ceiling_ms = BigInt(null=True)
    clock_flag = Text(null=True)
    has_territory = Boolean()
    places = Array(Text())
    """Keyed hashes of the divisions in which its customer lies, the outermost first."""
    territory = Text(null=True)
    """That of the division to which its agent had the exclusive right."""
    lot = Text()
    arrived_at = Timestamptz()
    settles_at = Timestamptz()
    live_since = Timestamptz(null=True)
    protected_until = Timestamptz(null=True)
    unsigned_until = Timestamptz(null=True)
    """Until when it would be protected if nothing were signed; while something is."""
    warned_days = Integer(null=True)
    """The last warning of its end that was given: so many days before."""
    let_go_at = Timestamptz(null=True)
    """When its agent, who had it protected, let it run out or gave it back."""
    extensions = Integer()
    reason = Text(null=True)
    told_from = Timestamptz(null=True)
    """Before this its agent does not hear how it stands; its answers of that day were spent."""
    contest_until = Timestamptz(null=True)
    case_id = UUID(null=True)
    verdict_id = UUID(null=True)
    """What decided it last."""


class RegistryKey(Table, tablename="registry_key"):
    """A keyed hash by which a registration's customer is found. Global."""

    key = Text()
    entry_id = UUID(primary_key=True)


class RegistryHoneytoken(Table, tablename="registry_honeytoken"):
    """A keyed hash of a customer that does not exist: who asks for it is guessing. Global."""

    key = Text(primary_key=True)
    set_at = Timestamptz()
    ends_at = Timestamptz(null=True)
    """Until when it is registered for a company that does not exist either."""


class RegistryAlarm(Table, tablename="registry_alarm"):
    """An agent asked for a customer that does not exist. Global."""

    id = UUID(primary_key=True)
    """Of the check or registration with which it asked."""
    agent_id = UUID()
    raised_at = Timestamptz()


class RegistryCase(Table, tablename="registry_case"):
    """Registrations of one customer that stand against each other. Global."""

    id = UUID(primary_key=True)
    state = Text()
    opened_at = Timestamptz()
    evidence_until = Timestamptz()
    decide_by = Timestamptz()
    decided_at = Timestamptz(null=True)
    decided_by = UUID(null=True)
    """The arbitrator; none where the rules decided."""
    reason = Text(null=True)
    winner_id = UUID(null=True)
    appeal_until = Timestamptz(null=True)
    first_by = UUID(null=True)
    """Who decided it before the appeal, and `first_reason` why; none where the rules did."""
    first_reason = Text(null=True)
    appeals = Integer()
    appeal_reason = Text(null=True)
    verdict_id = UUID(null=True)


class RegistryParty(Table, tablename="registry_party"):
    """A registration that is a party to a case. Global."""

    case_id = UUID()
    entry_id = UUID(primary_key=True)
    has_word = Boolean()
    """Whether the customer itself has named this one, as the arbitrator heard."""
    live_since = Timestamptz(null=True)
    """Since when it was protected when it became a party; no verdict takes that away."""
    waived_at = Timestamptz(null=True)
    """Since when it brings no more evidence, by its own word."""


class RegistryEvidence(Table, tablename="registry_evidence"):
    """What a party has shown: the kind of record and when, never what it says. Global."""

    id = UUID(primary_key=True)
    case_id = UUID()
    entry_id = UUID()
    kind = Text()
    happened_at = Timestamptz()
    is_vouched = Boolean()
    shown_at = Timestamptz()


class RegistryWait(Table, tablename="registry_wait"):
    """How long a registration waited for the platform, once that is over. Insert only. Global."""

    entry_id = UUID(primary_key=True)
    tenant_id = UUID()
    case_id = UUID(null=True)
    reason = Text()
    began_at = Timestamptz()
    ended_at = Timestamptz()


class RegistryVerdict(Table, tablename="registry_verdict"):
    """What the rules saw and said; can be said again at any time. Insert only. Global."""

    id = UUID(primary_key=True)
    case_id = UUID(null=True)
    decided_at = Timestamptz()
    rules_version = Integer()
    claims = JSONB()
    rulings = JSONB()
    hash = Text()
    format = Integer()
    """How the hash was made: 1 of what is kept here, from 2 on of what the parties are given."""


class RegistryRules(Table, tablename="registry_rules"):
    """A version of the published order; holds once it was switched on. Global."""

    version = Integer(primary_key=True)
    steps = JSONB()
    tolerance_ms = BigInt()
    edition = Integer()
    """How claims are written down under it."""
    hash = Text()
    proposed_by = UUID()
    proposed_at = Timestamptz()
    switched_on_at = Timestamptz(null=True)


class HouseRegistration(Table, tablename="house_registration"):
    """A customer that the platform has registered for itself; whom, is hashed. Global."""

    id = UUID(primary_key=True)
    label = Text()
    """What the platform calls it."""
    registered_by = UUID()
    registered_at = Timestamptz()


class PlatformContact(Table, tablename="platform_contact"):
    """That somebody of the platform's has spoken with a customer, not with whom. Global."""

    id = UUID(primary_key=True)
    kind = Text()
    note = Text()
    contacted_by = UUID()
    contacted_at = Timestamptz()
