"""The columns of a customer as every question reads them, and how a row becomes a view."""

from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from server.customers.schemas import CustomerView

COLUMNS: Final = """
    c.id, c.seq, c.name, c.uscc, c.phone, c.city, c.district, c.address, c.industry, c.status,
    c.level, c.source, c.owner_id, c.team_id, c.expected_revenue_minor, c.remark, c.tags,
    c.created_at, h.at AS updated_at, c.deleted
"""
"""What is selected, with ``c`` and ``h`` of `FROM`."""
FROM: Final = """
    customer c LEFT JOIN change h ON h.tenant_id = c.tenant_id AND h.root_id = c.id
        AND h.seq = c.seq AND h.kind = 'customer' AND h.record_id = c.id
"""
"""The customer, and the line of the history that tells when it last changed."""


def customer(row: asyncpg.Record) -> CustomerView:
    """Turn a row into a view."""
    tags = msgspec.json.decode(row["tags"], type=list[UUID]) if row["tags"] else []
    return CustomerView(
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
    )
