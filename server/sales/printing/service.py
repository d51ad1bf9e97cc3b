"""Print a quote as PDF."""

from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from server.access import Actor
from server.identity import queries as identity
from server.kit import typesetting
from server.sales import queries
from server.sales.printing import paper
from server.tenants import queries as tenants

TEMPLATE: Final = Path(__file__).with_name("quote.typ")


async def as_pdf(actor: Actor, quote_id: UUID, *, now: datetime) -> bytes:
    """Give a quote within sight as PDF, in Chinese and English; nobody sees a floor there.

    :raises NotFound: there is no such quote, or it is out of sight.
    :raises NoChineseFont: the server's operator has to install one.
    :raises NotPrinted: it took too long.
    """
    quote = await queries.one(actor, quote_id)
    company = await tenants.tenant(actor)
    people = (await identity.directory(actor)).people
    author = people.get(quote.edited_by, "")
    said = paper.content(quote, company=company.name, author=author, now=now)
    return await typesetting.typeset(TEMPLATE, msgspec.json.encode(said))
