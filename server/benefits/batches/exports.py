"""The rows of a batch that were refused, as a sheet for the person who sent them."""

from collections.abc import AsyncIterator, Mapping
from typing import Final
from uuid import UUID

from server.access import Actor
from server.benefits.batches import queries
from server.kit import sheets
from server.kit.cells import harmless

_HEADING: Final = ("行号", "原内容", "客户名称", "原因代码", "原因")
_REASONS: Final[Mapping[str, str]] = {
    "customer_unknown": "没有找到这个客户，或您看不到它。",
    "customer_ambiguous": "有多个客户符合，请填客户编号。",
    "row_repeated": "上面已有同一客户的一行。",
    "row_withdrawn": "提交后已撤回。",
    "program_not_open": "活动尚未开始。",
    "program_closed": "活动已结束。",
    "budget_exhausted": "预算不足。",
    "customer_limit_reached": "该客户已领满。",
    "not_eligible": "客户不符合活动规则，详见该申请的说明。",
}
"""By code, what the person is told."""


async def rejected(actor: Actor, batch_id: UUID) -> AsyncIterator[bytes]:
    """Write the refused rows as CSV, a block at a time.

    :raises NotFound: also when the batch is another tenant's.
    """

    async def blocks() -> AsyncIterator[bytes]:
        async for block in queries.rejected(actor, batch_id):
            yield sheets.csv_of(
                [
                    [
                        str(row.place),
                        harmless(row.given),
                        harmless(row.customer_name or ""),
                        row.code or "",
                        _REASONS.get(row.code or "", ""),
                    ]
                    for row in block
                ]
            )

    before = sheets.BOM + sheets.csv_of([_HEADING])
    return await sheets.begun(blocks(), before=before)
