"""Export leads: line by line out of bounded pages, with a line in the audit trail."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from server.access import Actor, Permission, ensure
from server.audit import exports
from server.audit import service as audit
from server.customers.opt_outs import queries as opt_outs
from server.kit import db, sheets
from server.kit.cells import harmless
from server.kit.pages import PAGE_SIZE_MAX
from server.leads import queries
from server.leads.imports.columns import COLUMNS_ZH
from server.leads.queries import ground
from server.leads.rules.states import LeadState
from server.leads.rules.verdicts import Verdict
from server.leads.schemas import LeadFilters, LeadView

_MORE_ZH: Final = {
    "state": "状态",
    "verdict": "判断",
    "received_at": "收到时间",
}
"""What an import does not read."""
STATES_ZH: Final = {
    LeadState.SUSPECT: "待清洗",
    LeadState.READY: "待分配",
    LeadState.OFFERED: "待接收",
    LeadState.ACCEPTED: "已接收",
    LeadState.DISCARDED: "已丢弃",
}
VERDICTS_ZH: Final = {
    Verdict.CLEAN: "",
    Verdict.OPTED_OUT: "勿扰",
    Verdict.INVALID_PHONE: "电话无效",
    Verdict.JUNK: "垃圾线索",
    Verdict.DUPLICATE: "重复",
    Verdict.OUT_OF_AREA: "不在区域",
}
_PHONES: Final = """
SELECT id, phone, phone_given FROM raw_lead WHERE tenant_id = $1 AND id = ANY($2::uuid[])
"""


async def as_csv(actor: Actor, filters: LeadFilters, *, now: datetime) -> AsyncIterator[bytes]:
    """Write the leads within sight that the filters leave as CSV, a page at a time.

    Phones are whole, except of who does not want to be called.
    """
    ensure(actor, Permission.LEADS_MANAGE)
    ensure(actor, Permission.CUSTOMERS_EXPORT)
    async with db.tenant_transaction(actor.tenant_id):
        await audit.record(actor, "leads.exported", subject_id=None, now=now, format="csv")
        sources = await ground.sources_of(actor.tenant_id)
        campaigns = await ground.campaigns_of(actor.tenant_id)
    paths = {source_id: "/".join(each.path) for source_id, each in sources.items()}
    names = paths | {campaign_id: name for campaign_id, (name, _) in campaigns.items()}

    async def blocks() -> AsyncIterator[bytes]:
        cursor: str | None = None
        while True:
            page = await queries.list_page(actor, filters, cursor=cursor, limit=PAGE_SIZE_MAX)
            phones = await _phones(actor, page.items)
            yield sheets.csv_of([_line(lead, phones, names) for lead in page.items])
            cursor = page.next_cursor
            if cursor is None:
                return

    header = sheets.csv_of([[*COLUMNS_ZH.values(), *_MORE_ZH.values()]])
    return await sheets.begun(blocks(), before=sheets.BOM + header)


async def _phones(actor: Actor, leads: Sequence[LeadView]) -> dict[UUID, str]:
    """Give the phones of leads as they were given; of who opted out none.

    Nor any to somebody from whom phones are hidden.
    """
    if actor.masks_phones:
        return {}
    async with db.tenant_transaction(actor.tenant_id, readonly=True):
        rows = await db.connection().fetch(_PHONES, actor.tenant_id, [lead.id for lead in leads])
        refused = await opt_outs.among({row["phone"] for row in rows if row["phone"]})
    return {row["id"]: row["phone_given"] for row in rows if row["phone"] not in refused}


def _line(lead: LeadView, phones: Mapping[UUID, str], names: Mapping[UUID, str]) -> list[str]:
    """Write a lead as text, in the order of the columns."""
    amount = lead.amount_minor
    written = {
        "id": str(lead.id),
        "phone": phones.get(lead.id, lead.phone or ""),
        "amount_yuan": "" if amount is None else f"{amount // 100}.{amount % 100:02d}",
        "amount_minor": "" if amount is None else str(amount),
        "source": names.get(lead.source_id, "") if lead.source_id else "",
        "campaign": names.get(lead.campaign_id, "") if lead.campaign_id else "",
        "state": STATES_ZH[LeadState(lead.state)],
        "verdict": VERDICTS_ZH[Verdict(lead.verdict)],
        "received_at": exports.written(lead.received_at),
    }
    columns = (*COLUMNS_ZH, *_MORE_ZH)
    return [
        harmless(written[name] if name in written else str(getattr(lead, name) or ""))
        for name in columns
    ]
