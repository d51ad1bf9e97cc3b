"""A campaign's page on which interested people leave their phone, found by an unguessable token."""

from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, Role, ensure, of_the_product
from server.audit import service as audit
from server.identity import keys
from server.identity.rules.throttles import address_subject
from server.identity.service import throttles
from server.kit import db, ids
from server.kit.errors import IdReused, NotFound
from server.leads import queries
from server.leads.rules import forms as rules
from server.leads.rules.names import named
from server.leads.rules.states import IntakePath
from server.leads.schemas import FormPage, FormView, Left, NewForm, NewLead
from server.leads.service import intake

_ADD: Final = """
INSERT INTO lead_form (tenant_id, id, campaign_id, token, title, made_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
"""
_ADDRESS: Final = """
INSERT INTO lead_form_address (token_hash, tenant_id, form_id) VALUES ($1, $2, $3)
"""
_FIND: Final = "SELECT tenant_id, form_id FROM lead_form_address WHERE token_hash = $1"
_OPEN: Final = """
SELECT f.id, f.title, f.campaign_id FROM lead_form f
JOIN campaign c ON c.tenant_id = f.tenant_id AND c.id = f.campaign_id
WHERE f.tenant_id = $1 AND f.id = $2 AND f.closed_at IS NULL AND c.state = 'open'
"""


class _Open:
    """A form that takes leads: whose it is, and what it says."""

    def __init__(self, tenant_id: UUID, campaign_id: UUID, title: str) -> None:
        self.tenant_id = tenant_id
        self.campaign_id = campaign_id
        self.title = title


async def add_form(
    actor: Actor, campaign_id: UUID, new: NewForm, *, token: str, now: datetime
) -> FormView:
    """Open a campaign's page.

    :param token: random; whoever has it reaches the page.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    form_id = new.id or ids.new_id(now)
    async with db.tenant_transaction(actor.tenant_id):
        await queries.campaign(actor, campaign_id)
        status = await db.connection().execute(
            _ADD, actor.tenant_id, form_id, campaign_id, token, named(new.title, "title"), now
        )
        if status.endswith(" 1"):
            await db.connection().execute(
                _ADDRESS, rules.token_hash(token), actor.tenant_id, form_id
            )
            await audit.record(actor, "lead_form.opened", subject_id=form_id, now=now)
        view = await queries.form(actor, form_id)
    if (view.campaign_id, view.title) != (campaign_id, named(new.title, "title")):
        raise IdReused("This id belongs to another form; make a new one.", field="id")
    return view


async def close_form(actor: Actor, form_id: UUID, *, now: datetime) -> FormView:
    """Close a campaign's page; its address leads nowhere from then on."""
    ensure(actor, Permission.LEADS_MANAGE)
    async with db.tenant_transaction(actor.tenant_id):
        await db.connection().execute(
            "UPDATE lead_form SET closed_at = coalesce(closed_at, $3)"
            " WHERE tenant_id = $1 AND id = $2",
            actor.tenant_id,
            form_id,
            now,
        )
        await audit.record(actor, "lead_form.closed", subject_id=form_id, now=now)
        return await queries.form(actor, form_id)


async def form_page(token: str, *, address: str, now: datetime) -> FormPage:
    """Show a campaign's page to anybody: its own title, and nothing of the company.

    :raises NotFound: no open page has this token.
    :raises TooManyTries: this address has looked for too many.
    """
    await throttles.count([(rules.VIEWS_BY_ADDRESS, address_subject(address))], now=now)
    form = await _find(token)
    lead_id = ids.new_id(now)
    stamp = rules.seal(now, f"{token}\0{lead_id}", key=keys.current().mac)
    return FormPage(title=form.title, id=lead_id, stamp=stamp)


async def leave(token: str, left: Left, *, address: str, now: datetime) -> None:
    """Take what somebody leaves on a campaign's page; again makes no second lead.

    :raises FormRefused: a program filled it in, or nobody consented.
    :raises NotFound: no open page has this token.
    :raises TooManyTries: too many came from this address, or to this page.
    """
    counted = [
        (rules.BY_ADDRESS, address_subject(address)),
        (rules.BY_FORM, rules.token_hash(token).hex()),
    ]
    await throttles.count(counted, now=now)
    rules.ensure_person(
        left.stamp, f"{token}\0{left.id}", left.website, key=keys.current().mac, now=now
    )
    rules.ensure_consent(has_consented=left.has_consented)
    form = await _find(token)
    visitor = of_the_product(form.tenant_id, role=Role.AGENT_OWNER, name="public form")
    new = NewLead(
        id=left.id,
        name=left.name,
        contact_name=left.name[:100],
        phone=left.phone,
        city=left.city,
        need=left.need,
        campaign_id=form.campaign_id,
    )
    await intake.receive(visitor, [new], IntakePath.PUBLIC_FORM, now=now, consented_at=now)


async def _find(token: str) -> _Open:
    """Find the open form of a token.

    :raises NotFound: there is none, or its campaign is over and closed.
    """
    async with db.global_transaction():
        found = await db.connection().fetchrow(_FIND, rules.token_hash(token))
    if found is None:
        raise NotFound
    async with db.tenant_transaction(found["tenant_id"], readonly=True):
        row = await db.connection().fetchrow(_OPEN, found["tenant_id"], found["form_id"])
    if row is None:
        raise NotFound
    return _Open(found["tenant_id"], row["campaign_id"], row["title"])
