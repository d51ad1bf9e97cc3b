"""Tables of customers, as facts on disk. The truth about keys and indexes is in the migrations."""

from piccolo.columns import JSONB, UUID, BigInt, Bytea, Date, Text, Timestamptz
from piccolo.table import Table

from server.changelog.tables import Synced


class Customer(Synced, Table, tablename="customer"):
    """A company or shop that an agent develops."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    uscc = Text(null=True)
    """统一社会信用代码 in its normal form."""
    phone = Text(null=True)
    """E.164."""
    city = Text(null=True)
    district = Text(null=True)
    address = Text(null=True)
    industry = Text(null=True)
    status = Text(null=True)
    """See rules/status.py; null is as good as potential."""
    level = Text(null=True)
    source = Text(null=True)
    owner_id = UUID(null=True)
    team_id = UUID(null=True)
    expected_revenue_minor = BigInt(null=True)
    """In fen."""
    remark = Text(null=True)
    tags = JSONB(null=True)
    """A sorted list of tag ids."""
    name_pinyin = Text()
    """What the name sorts by; derived."""
    custom = JSONB(null=True)
    """Custom fields that have a value: name to value."""
    scope_seq = BigInt()
    """The sequence at which owner or team last changed."""


class Store(Synced, Table, tablename="store"):
    """A place of business of a customer."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    name = Text(null=True)
    address = Text(null=True)
    city = Text(null=True)
    district = Text(null=True)
    lat = BigInt(null=True)
    """Millionths of a degree, like `lng`."""
    lng = BigInt(null=True)
    phone = Text(null=True)
    custom = JSONB(null=True)


class Contact(Synced, Table, tablename="contact"):
    """A person who speaks for a customer."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    store_id = UUID(null=True)
    name = Text()
    title = Text(null=True)
    phone = Text(null=True)
    email = Text(null=True)
    wechat = Text(null=True)
    role = Text(null=True)
    """What the person is to a purchase."""
    stance = Text(null=True)
    """Where the person stands to us."""
    remark = Text(null=True)
    custom = JSONB(null=True)


class Note(Synced, Table, tablename="note"):
    """Something that somebody wrote down about a customer; never edited."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    body = Text()
    author_id = UUID(null=True)
    written_at = Timestamptz(null=True)


class Tag(Synced, Table, tablename="tag"):
    """A mark for customers, with a meaning, an owner and an end."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    colour = Text(null=True)
    meaning = Text()
    owner_id = UUID(null=True)
    expires_on = Text(null=True)


class TagUse(Table, tablename="tag_use"):
    """How many customers carried a tag last night, and when it was used last."""

    tenant_id = UUID()
    tag_id = UUID(primary_key=True)
    customers = BigInt()
    used_at = Timestamptz()


class CustomField(Synced, Table, tablename="custom_field"):
    """A field that the company gave its own records: what it is called, means and takes."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    subject = Text()
    """The kind of record that has it."""
    type = Text()
    label_zh = Text()
    label_en = Text(null=True)
    meaning = Text()
    options = JSONB(null=True)
    """Of a choice: ``[{id, zh, en, archived}]``."""
    decimals = BigInt(null=True)
    minimum = BigInt(null=True)
    """Like `maximum` in units of the last decimal."""
    maximum = BigInt(null=True)
    is_required = BigInt(null=True)
    is_unique = BigInt(null=True)
    place = BigInt(null=True)
    state = Text()
    object_id = UUID(null=True)
    """The custom object whose records have it."""


class CustomObject(Synced, Table, tablename="custom_object"):
    """A sort of records that the company added: what it is called and means, who writes it."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    name_zh = Text()
    name_en = Text(null=True)
    meaning = Text()
    title_zh = Text()
    """What the title of its records is called."""
    title_en = Text(null=True)
    writers = Text()
    place = BigInt(null=True)
    state = Text()


class CustomRecord(Synced, Table, tablename="custom_record"):
    """A record of a custom object, beneath a customer."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    customer_id = UUID()
    object_id = UUID()
    title = Text()
    store_id = UUID(null=True)
    custom = JSONB(null=True)
    """Values of the object's fields: name to value."""


class CustomerToken(Table, tablename="customer_token"):
    """A search key of a customer, or of a contact or store of it; see rules/search.py."""

    tenant_id = UUID()
    token = Text()
    record_id = UUID(primary_key=True)
    customer_id = UUID(null=True)
    """Null where the record is the customer itself."""
    before = Text()


class OptOutWord(Table, tablename="opt_out_word"):
    """Somebody of the company said of a phone that nobody may call it, and what became of that."""

    tenant_id = UUID()
    id = UUID(primary_key=True)
    phone = Text()
    """E.164."""
    reason = Text()
    customer_id = UUID(null=True)
    """Whom the call was with; history, so a merge does not move it."""
    call_id = UUID(null=True)
    told_by = UUID()
    told_at = Timestamptz()
    day = Date()
    """In Shanghai."""
    state = Text()
    decided_by = UUID(null=True)
    decided_at = Timestamptz(null=True)
    why = Text(null=True)


class ContactOptOut(Table, tablename="contact_opt_out"):
    """A phone that no company of the channel may call, by its keyed hash. Global."""

    phone_hash = Bytea(primary_key=True)
    mark = Bytea()
    """By which the company that wrote it, and nobody else, finds it again."""
    reason = Text()
    since = Timestamptz()
