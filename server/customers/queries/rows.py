"""The columns of a customer as every question reads them, and how a row becomes a view."""

from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.access import Actor
from server.customers import sight
from server.customers.rules import masks
from server.customers.schemas import CustomerView

CHANGED_AT: Final = """(
    SELECT h.at FROM change h WHERE h.tenant_id = c.tenant_id AND h.root_id = c.id
        AND h.seq = c.seq AND h.kind = 'customer' AND h.record_id = c.id
)"""
"""When customer ``c`` last changed, by its history.

Asked row by row, for the page alone: as a join it cost a scan of the whole history for each
customer until the tables had statistics, seconds a page after a first import.
"""
COLUMNS: Final = f"""
    c.id, c.seq, c.name, c.uscc, c.phone, c.city, c.district, c.address, c.industry, c.status,
    c.level, c.source, c.owner_id, c.team_id, c.expected_revenue_minor, c.remark, c.tags,
    c.custom, c.created_at, {CHANGED_AT} AS updated_at, c.deleted
"""
"""What is selected of `FROM`."""
FROM: Final = "customer c"


def customer(actor: Actor, row: asyncpg.Record) -> CustomerView:
    """Turn a row into a view for the actor, from whom its phones may be hidden."""
    tags = msgspec.json.decode(row["tags"], type=list[UUID]) if row["tags"] else []
    made = CustomerView(
        id=row["id"],
        seq=row["seq"],
        name=row["name"],
        uscc=row["uscc"],
        phone=row["phone"],
        city=row["city"],
        district=row["district"],
        address=row["address"],
        industry=row["industry"],
        status=row["status"],
        level=row["level"],
        source=row["source"],
        owner_id=row["owner_id"],
        team_id=row["team_id"],
        expected_revenue_minor=row["expected_revenue_minor"],
        remark=row["remark"],
        tags=tags,
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted=row["deleted"],
        custom=msgspec.json.decode(row["custom"]) if row["custom"] else {},
    )
    return sight.shown(actor, masks.view(actor, made.owner_id, made))
