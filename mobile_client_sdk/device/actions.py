"""The commands, one function each: what a person asks for, done on the desk."""

import platform
from argparse import Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from getpass import getpass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from mobile_client_sdk.client import Client, SyncProgress, SyncReport, SyncState
from mobile_client_sdk.conflicts import Refusal, field_name, value_shown
from mobile_client_sdk.device import calling, customs
from mobile_client_sdk.device.desk import (
    DONE,
    ID_END,
    LOCKED,
    NO_NETWORK,
    NOT_DONE,
    SIGN_IN,
    USAGE,
    Desk,
    Stop,
    phone_spelled,
)
from mobile_client_sdk.device.tables import Column, cut, pairs, when
from mobile_client_sdk.lease import LeaseEnded
from mobile_client_sdk.outbox import MadeOp
from mobile_client_sdk.records import Contact, Customer, CustomObject, LeadSource, Visit
from sync_protocol.custom_fields import Definition
from sync_protocol.messages import Intent
from sync_protocol.schema import SCHEMA, FieldSpec, FieldType, ValueRefused

Action = Callable[[Desk, Namespace], int]
_SHOWN_IN_LIST: Final = ("status", "level", "city", "phone")
_NOT_BY_HAND: Final = frozenset({"owner_id", "team_id", "tags"})
_FIELDS: Final = {
    name: spec for name, spec in SCHEMA.fields("customer").items() if name not in _NOT_BY_HAND
}
_ENDED: Final = {
    SyncState.COMPLETE: DONE,
    SyncState.OFFLINE: NO_NETWORK,
    SyncState.TRY_LATER: NO_NETWORK,
    SyncState.SIGNED_OUT: SIGN_IN,
    SyncState.UPDATE_NEEDED: LOCKED,
    SyncState.PROTECTION_NEEDED: LOCKED,
    SyncState.WIPED: LOCKED,
}


def login(desk: Desk, asked: Namespace) -> int:
    """Enrol this device and fetch its customers."""
    url, name = asked.url.rstrip("/"), asked.name or platform.node() or "tonglu-device"
    desk.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_locked = False
    try:
        client = desk.open(url)
    except LeaseEnded:
        desk.renew(url, asked.code, name)
        client, is_locked = desk.open(url), True
    with client:
        if not is_locked:
            client.enrol(asked.code, device_name=name, platform="terminal")
        desk.remember(url)
        desk.say("enrolled")
        code = _sync(desk, client)
        if code == DONE:
            desk.say("fetched", count=client.count(Customer))
        return code


def status(desk: Desk, _: Namespace) -> int:
    """Say how this device stands."""
    words = desk.words
    with desk.open() as client:
        lease, session = client.lease, client.session
        until = "" if lease is None else when(lease.ends_at_ms)
        rows = [
            (words("server"), client.base_url),
            (words("device"), "" if session is None else session.device_id),
            (words("store"), str(desk.file)),
            (words("protection"), words("protected" if client.is_protected else "unprotected")),
            (words("lease"), words("lease.until", when=until) if until else ""),
            (
                words("customers"),
                str(client.count(Customer)) if client.is_loaded else words("not_loaded"),
            ),
            (words("pending"), str(client.pending_count)),
            (words("conflicts"), str(len(client.conflicts()))),
            (words("refused"), str(len(client.refusals()))),
        ]
    desk.print(pairs(rows))
    return DONE


def list_customers(desk: Desk, asked: Namespace) -> int:
    """List customers."""
    language = desk.words.language
    equal = {} if asked.city is None else {"city": asked.city}
    with desk.open() as client:
        found = list(islice(client.customers(search=asked.search, **equal), asked.limit + 1))
        total = client.count(Customer)
        banned = {each.id for each in found if client.is_banned(each, each.phone)}
    if not found:
        desk.say("empty")
        return DONE
    columns = [
        Column(desk.words("id"), ID_END),
        Column(field_name("name", language), 36),
        *(Column(field_name(name, language), 16) for name in _SHOWN_IN_LIST),
    ]
    shown = found[: asked.limit]
    desk.print_table(
        columns,
        [
            [
                each.id[-ID_END:],
                each.name,
                *(
                    desk.words("banned")
                    if name == "phone" and each.id in banned
                    else value_shown(name, getattr(each, name), language)
                    for name in _SHOWN_IN_LIST
                ),
            ]
            for each in shown
        ],
    )
    if len(found) > asked.limit or asked.search or equal:
        desk.say("shown", shown=len(shown), total=total)
    return DONE


def show(desk: Desk, asked: Namespace) -> int:
    """Show a customer with all that belongs to it."""
    language = desk.words.language
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        tags = {tag.id: tag.name for tag in client.tags()}
        values = {name: getattr(customer, name) for name in _FIELDS}
        said = {name: value_shown(name, value, language) for name, value in values.items()}
        if client.is_banned(customer, customer.phone):
            said["phone"] = desk.words("banned")
        rows = [(field_name(name, language), said[name]) for name in _FIELDS]
        named = "、".join(tags.get(each, each) for each in customer.tags)
        rows += [(field_name("tags", language), named), *customs.told(desk, client, customer)]
        rows.append((desk.words("id"), customer.id))
        desk.print(pairs(rows))
        _belongings(
            desk,
            "contacts",
            (
                _listed(each.name, each.title, _phone(desk, client, customer, each), each.wechat)
                for each in client.contacts(customer)
            ),
        )
        _belongings(
            desk,
            "stores",
            (_listed(each.name, each.city, each.address) for each in client.stores(customer)),
        )
        _belongings(
            desk,
            "notes",
            (f"{when(each.written_at)}  {each.body}" for each in reversed(client.notes(customer))),
        )
        _belongings(
            desk, "visits", (_visited(desk, each) for each in reversed(client.visits(customer)))
        )
        _belongings(
            desk, "calls", (calling.told(desk, each) for each in reversed(client.calls(customer)))
        )
        _belongings(
            desk,
            "tasks",
            (_listed(when(each.due_at), each.title) for each in client.tasks(customer)),
        )
        sorts = {each.id: each for each in client.find(CustomObject)}
        _belongings(
            desk,
            "records",
            (
                _listed(
                    sorts[each.object_id].name(customs.language_of(desk)),
                    each.title,
                    *(f"{name} {value}" for name, value in customs.told(desk, client, each)),
                )
                for each in client.custom_records(customer)
                if each.object_id in sorts
            ),
        )
        conflicts = client.conflicts(customer)
        _belongings(desk, "conflicts", (each.sentence(language) for each in conflicts))
    return DONE


def _phone(desk: Desk, client: Client, customer: Customer, contact: Contact) -> str | None:
    """Give a contact's phone, or that nobody may call it."""
    if client.is_banned(customer, contact.phone):
        return desk.words("banned")
    return contact.phone


def _belongings(desk: Desk, title: str, lines: Iterable[str]) -> None:
    shown = [f"  {line}" for line in lines]
    if shown:
        desk.print("\n".join(["", desk.words(title), *shown]))


def _listed(*values: str | None) -> str:
    return "  ".join(value for value in values if value)


def add(desk: Desk, asked: Namespace) -> int:
    """Make a customer."""
    with desk.open() as client:
        own = customs.definitions(client, "customer")
        custom, rest = customs.read(desk, asked.fields, own)
        fields = _given(desk, rest, own)
        made = client.create_customer(name=asked.name, custom=custom, **fields)
    desk.say("added", name=made.name, id=made.id[-ID_END:])
    return DONE


def edit(desk: Desk, asked: Namespace) -> int:
    """Change a customer."""
    with desk.open() as client:
        own = customs.definitions(client, "customer")
        custom, rest = customs.read(desk, asked.fields, own)
        fields = _given(desk, rest, own)
        customer, before = desk.customer(client, asked.customer), client.pending_count
        with client.edit(customer) as draft:
            draft.custom.update(custom)
            for name, value in fields.items():
                setattr(draft, name, value)
        desk.say("saved" if client.pending_count > before else "unchanged")
    return DONE


def note(desk: Desk, asked: Namespace) -> int:
    """Note something about a customer."""
    text = " ".join(asked.text)
    with desk.open() as client:
        client.add_note(desk.customer(client, asked.customer), text)
    desk.say("saved")
    return DONE


def visit(desk: Desk, asked: Namespace) -> int:
    """Check in at a customer, or out; what is said is the visit's summary."""
    words: dict[str, Any] = {"summary": " ".join(asked.text)} if asked.text else {}
    with desk.open() as client:
        customer = desk.customer(client, asked.customer)
        if asked.out:
            open_visit = client.open_visit(customer)
            if open_visit is None:
                raise Stop(NOT_DONE, desk.words("error.no_visit"))
            client.check_out(open_visit, **words)
        else:
            client.check_in(customer, **_position(desk, asked) | words)
    desk.say("saved")
    return DONE


def _position(desk: Desk, asked: Namespace) -> dict[str, Any]:
    """Read where the person is, as ``30.2741,120.1551``."""
    if asked.at is None:
        return {}
    try:
        lat, lng = (int(Decimal(each) * 1_000_000) for each in asked.at.split(","))
    except (ValueError, ArithmeticError):
        raise Stop(USAGE, desk.words("arg.at")) from None
    told = {"lat": lat, "lng": lng}
    return told if asked.accuracy is None else {**told, "accuracy_m": asked.accuracy}


def _visited(desk: Desk, each: Visit) -> str:
    """Tell a visit in a line."""
    at = when(each.checked_in_at or each.planned_at)
    score = "" if each.trust_score is None else desk.words("score", score=each.trust_score)
    return "  ".join(part for part in (at, each.summary or each.purpose, score) if part)


def leads(desk: Desk, _: Namespace) -> int:
    """List the leads that wait for an answer."""
    words = desk.words
    with desk.open() as client:
        found = client.leads()
        names = {each.id: client.customer(each.customer_id) for each in found}
        sources = {each.id: each.name for each in client.find(LeadSource)}
    if not found:
        desk.say("no_leads")
        return DONE
    columns = [
        Column(words("id"), ID_END),
        Column(words("customer"), 30),
        Column(words("need"), 36),
        Column(words("kind.lead_source"), 16),
        Column(words("answer_by"), 16),
    ]
    rows = [
        [
            each.id[-ID_END:],
            customer.name if (customer := names[each.id]) else "",
            each.need or "",
            sources.get(each.source_id or "", ""),
            when(each.accept_by),
        ]
        for each in found
    ]
    desk.print_table(columns, rows)
    return DONE


def accept(desk: Desk, asked: Namespace) -> int:
    """Take on a lead."""
    with desk.open() as client:
        client.accept_lead(desk.lead(client, asked.lead))
    desk.say("saved")
    return DONE


def give_back(desk: Desk, asked: Namespace) -> int:
    """Give a lead back."""
    with desk.open() as client:
        lead = desk.lead(client, asked.lead)
        client.return_lead(lead, reason=asked.reason, note=" ".join(asked.note))
    desk.say("saved")
    return DONE


def contact(desk: Desk, asked: Namespace) -> int:
    """Add a person to a customer."""
    optional = {"title": asked.title, "wechat": asked.wechat}
    if asked.phone:
        optional["phone"] = phone_spelled(asked.phone)
    with desk.open() as client:
        client.add_contact(desk.customer(client, asked.customer), name=asked.name, **optional)
    desk.say("saved")
    return DONE


def sync(desk: Desk, _: Namespace) -> int:
    """Sync; records that are locked are opened first."""
    try:
        client = desk.open()
    except LeaseEnded:
        desk.renew()
        client = desk.open()
    with client:
        return _sync(desk, client)


def _sync(desk: Desk, client: Client) -> int:
    def tell(progress: SyncProgress) -> None:
        if progress.pushed and progress.pending:
            now = desk.words("uploading", pushed=progress.pushed, pending=progress.pending)
        else:
            now = desk.words("loading", rows=progress.rows)
        desk.overwrite(now)

    report = client.sync(on_progress=tell)
    desk.overwrite("")
    _tell(desk, report)
    return _ENDED[report.state]


def _tell(desk: Desk, report: SyncReport) -> None:
    desk.say(
        f"sync.{report.state.value}",
        pushed=report.pushed,
        merged=len(report.merged),
        refused=len(report.refused),
        pending=report.pending,
    )
    if report.merged:
        desk.say("look")
    if report.saved_to is not None:
        desk.say("saved_to", file=report.saved_to)


def conflicts(desk: Desk, asked: Namespace) -> int:
    """List conflicts; restore the other value of one, or keep what is held."""
    language = desk.words.language
    with desk.open() as client:
        found = client.conflicts()
        if asked.decision is not None:
            conflict = _row(desk, found, asked.number)
            if asked.decision == "restore":
                client.restore(conflict)
                desk.say("restored")
            else:
                client.dismiss(conflict)
                desk.say("dismissed")
            return DONE
        names = {each.customer_id: client.customer(each.customer_id or "") for each in found}
    if not found:
        desk.say("no_conflicts")
        return DONE
    columns = [
        Column(desk.words("row"), 4, is_number=True),
        *(Column(desk.words(title), 24) for title in ("customer", "field", "kept", "other")),
        Column(desk.words("when"), 16),
    ]
    rows = []
    for position, each in enumerate(found, 1):
        customer = names[each.customer_id]
        rows.append(
            [
                str(position),
                "" if customer is None else customer.name,
                field_name(each.field, language, each.kind),
                value_shown(each.field, each.kept, language),
                value_shown(each.field, each.other, language),
                when(each.happened_at),
            ]
        )
    desk.print_table(columns, rows)
    desk.say("how_to_decide")
    return DONE


def outbox(desk: Desk, asked: Namespace) -> int:
    """Show what waits and what was refused, or carry it in a file."""
    passphrase = getpass(desk.words("passphrase")) if asked.passphrase else None
    with desk.open() as client:
        if asked.do == "export":
            head = client.export_outbox(_file(desk, asked), passphrase=passphrase)
            desk.say("exported", file=asked.file, pending=head.pending, refused=head.refused)
            if passphrase is None:
                desk.say("unsealed")
        elif asked.do == "import":
            came = client.import_outbox(_file(desk, asked), passphrase=passphrase)
            desk.say("imported", added=came.added, known=came.known)
        elif asked.do == "seen":
            for refusal in client.refusals():
                client.forget_refusal(refusal.number)
            desk.say("forgotten")
        else:
            _show_outbox(desk, client)
    return DONE


def _file(desk: Desk, asked: Namespace) -> Path:
    if asked.file is None:
        raise Stop(USAGE, desk.words("arg.do"))
    return Path(asked.file)


def _show_outbox(desk: Desk, client: Client) -> None:
    waiting, refused = client.pending(), client.refusals()
    if not (waiting or refused):
        desk.say("nothing_waits")
    if waiting:
        columns = [
            Column(desk.words("when"), 16),
            Column(desk.words("change"), 16),
            Column(desk.words("customer"), 24),
            Column(desk.words("what"), 56),
        ]
        desk.print_table(columns, [_pending_row(desk, client, each) for each in waiting])
        desk.say("waiting", count=len(waiting))
    if refused:
        desk.say("refusals")
        for each in refused:
            desk.print(f"  {each.sentence(desk.words.language)}  {_values(desk, each)}")


def _pending_row(desk: Desk, client: Client, made: MadeOp) -> list[str]:
    op, words = made.op, desk.words
    fields: dict[str, Any] = dict(op.args if isinstance(op, Intent) else getattr(op, "fields", {}))
    if isinstance(op, Intent):
        change, said = words("kind.intent"), op.name
    else:
        verb, noun = words(type(op).__name__.lower()), words(f"kind.{op.kind}")
        change = f"{verb}{noun}" if words.language == "zh-CN" else f"{verb} {noun}"
        said = _spelled(desk, fields, op.kind)
        if getattr(op, "sets", None):
            said = _listed(said, field_name("tags", words.language))
    is_customer = not isinstance(op, Intent) and op.kind == Customer.KIND
    customer = client.customer(op.id if is_customer else str(fields.get("customer_id", "")))
    return [when(op.at_ms), change, "" if customer is None else customer.name, said]


def _values(desk: Desk, refused: Refusal) -> str:
    return cut(_spelled(desk, refused.values, refused.kind), 60)


def _spelled(desk: Desk, fields: dict[str, Any], kind: str = "") -> str:
    """Answer what was written, without the ids that only machines read."""
    language = desk.words.language
    return "  ".join(
        f"{field_name(name, language, kind)}={value_shown(name, value, language)}"
        for name, value in fields.items()
        if not name.endswith(("_id", "_at"))
    )


def _row(desk: Desk, rows: list[Any], number: int | None) -> Any:
    if number is None or not 1 <= number <= len(rows):
        raise Stop(NOT_DONE, desk.words("error.no_row", number=number or ""))
    return rows[number - 1]


def _given(desk: Desk, texts: Mapping[str, str], own: Sequence[Definition]) -> dict[str, Any]:
    """Read what is said of fields; Chinese names of fields are understood too.

    :param own: the company's fields, named with the others where a name is none.
    """
    language = desk.words.language
    by_name = {field_name(name, each): name for name in _FIELDS for each in ("zh-CN", "en")}
    by_name |= {name: name for name in _FIELDS}
    fields: dict[str, Any] = {}
    for name, value in texts.items():
        if name not in by_name:
            known = " ".join(
                name if language == "en" else f"{name}({field_name(name, language)})"
                for name in _FIELDS
            )
            known = " ".join([known, *(each.label(customs.language_of(desk)) for each in own)])
            raise Stop(USAGE, desk.words("error.field", field=name, known=known))
        spec = _FIELDS[by_name[name]]
        fields[spec.name] = _value(spec, value, is_money=name != spec.name)
    return fields


def _value(spec: FieldSpec, text: str, *, is_money: bool) -> Any:
    """Answer a value as it is stored.

    Money is written in yuan under its name (预计收入=3000.50), and in fen under the field's own.
    """
    if text == "":
        return None
    if spec.name == "phone":
        return phone_spelled(text)
    if spec.type is FieldType.INT:
        try:
            return int(Decimal(text) * 100) if is_money else int(text)
        except (ValueError, ArithmeticError):
            raise ValueRefused("value_invalid", "Write a number.", spec.name) from None
    if spec.name == "status":
        return next((each for each in spec.choices if text in (each, *_names_of(each))), text)
    return text


def _names_of(status: str) -> tuple[str, str]:
    return value_shown("status", status, "zh-CN"), value_shown("status", status, "en")
