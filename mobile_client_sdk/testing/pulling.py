"""A pull: what is new since a cursor, and what differs from a digest."""

from typing import Final
from uuid import UUID

from mobile_client_sdk.testing.company import Company, FakeDevice
from sync_protocol import cursor, digest
from sync_protocol.conflicts import DELETED
from sync_protocol.merge import HeldRecord
from sync_protocol.messages import (
    DigestRequest,
    DigestResponse,
    Patch,
    PullRequest,
    PullResponse,
    RecordBatch,
)
from sync_protocol.schema import SCHEMA
from sync_protocol.schema.custom import is_custom

_KEY: Final = b"the fake server's own key, 32 b."
_LAST_ID: Final = str(UUID(int=2**128 - 1))


class Pulling(Company):
    """Tells devices what changed."""

    def _pull(self, device: FakeDevice, pull: PullRequest) -> PullResponse:
        start = self._start(device, pull)
        if start is None:
            return PullResponse(
                from_cursor=pull.cursor,
                cursor=None,
                seq=0,
                server_time_ms=self._clock_ms(),
                reset=True,
            )
        place = (start.seq, _LAST_ID if start.after_id is None else str(start.after_id))
        rows = sorted(
            (self._effective(record), record.id, record)
            for record in self.records.values()
            if (self._effective(record), record.id) > place
            and self._sees(device.user_id, record)
            and not _is_news_to_nobody(record, start)
        )
        page, more = rows[: pull.limit], len(rows) > pull.limit
        end = cursor.Cursor(epoch=self.epoch, base=self.seq, seq=self.seq, started=self.seq)
        if more:
            seq, last_id, _ = page[-1]
            end = cursor.Cursor(epoch=self.epoch, base=start.base, seq=seq, after_id=UUID(last_id))
        batches, patches = self._changes([row[2] for row in page], start.base)
        return PullResponse(
            from_cursor=pull.cursor,
            cursor=cursor.encode(end, key=_KEY, bound_to=device.id.encode()),
            seq=end.seq,
            server_time_ms=self._clock_ms(),
            more=more,
            batches=batches,
            patches=patches,
            drops=[] if more else self._drops(device.user_id, start),
            acknowledged=device.acknowledged,
            epoch=self.epoch,
        )

    def _digest(self, device: FakeDevice, request: DigestRequest) -> DigestResponse:
        page = self._pull(device, request.pull)
        if page.more or page.reset:
            return DigestResponse(pull=page)
        rows: dict[str, dict[str, int]] = {kind: {} for kind in SCHEMA.kinds()}
        for record in self.records.values():
            if not record.deleted and self._sees(device.user_id, record):
                rows[record.kind][record.id] = digest.row_hash(
                    record.kind, record.id, record.seq, record.fields, record.handle
                )
        found = digest.answer(request, rows)
        batches = [
            _batch(kind, [self.records[kind, record_id] for record_id in ids])
            for kind, ids in found.missing.items()
        ]
        return DigestResponse(
            pull=page, branches=found.branches, batches=batches, strange=found.strange
        )

    def _start(self, device: FakeDevice, pull: PullRequest) -> cursor.Cursor | None:
        if pull.cursor is None:
            return cursor.Cursor(epoch=self.epoch, base=0, seq=0, started=self.seq)
        try:
            start = cursor.decode(pull.cursor, key=_KEY, bound_to=device.id.encode())
        except cursor.CursorRefused:
            return None
        return start if start.epoch == self.epoch else None

    def _effective(self, record: HeldRecord) -> int:
        """Answer the sequence at which a record last changed for somebody."""
        customer = self._customer_of(record)
        entered = 0 if customer is None else self._entered.get(customer.id, 0)
        return max(record.seq, entered)

    def _changes(
        self, records: list[HeldRecord], base: int
    ) -> tuple[list[RecordBatch], list[Patch]]:
        whole: dict[str, list[HeldRecord]] = {}
        patches: list[Patch] = []
        for record in records:
            customer = self._customer_of(record)
            entered = 0 if customer is None else self._entered.get(customer.id, 0)
            since = max(record.created.seq, entered)
            if DELETED in record.versions:
                since = max(since, record.versions[DELETED].seq)
            if record.deleted:
                patches.append(Patch(kind=record.kind, id=record.id, seq=record.seq, deleted=True))
            elif since > base:
                whole.setdefault(record.kind, []).append(record)
            else:
                patches.append(_patch(record, base))
        order = {kind: place for place, kind in enumerate(SCHEMA.kinds())}
        batches = [_batch(kind, whole[kind]) for kind in sorted(whole, key=order.__getitem__)]
        return batches, patches

    def _drops(self, user_id: str, start: cursor.Cursor) -> list[str]:
        gone = {
            customer_id
            for seq, customer_id, owner in self._exits
            if seq > (start.base or start.started) and owner == user_id
        }
        return sorted(
            each
            for each in gone
            if self._scoped and not self._sees(user_id, self.records["customer", each])
        )


def _batch(kind: str, records: list[HeldRecord]) -> RecordBatch:
    named = {name for record in records for name in record.fields if is_custom(name)}
    names = [*(field.name for field in SCHEMA.record(kind).fields), *sorted(named)]
    return RecordBatch(
        kind=kind,
        fields=names,
        ids=[record.id for record in records],
        seqs=[record.seq for record in records],
        columns=[[record.fields.get(name) for record in records] for name in names],
        handles=[record.handle for record in records],
    )


def _is_news_to_nobody(record: HeldRecord, start: cursor.Cursor) -> bool:
    """Answer whether a record came and went without this run of pages having sent it."""
    return record.deleted and record.created.seq > start.base and record.seq <= start.started


def _patch(record: HeldRecord, base: int) -> Patch:
    changed = {
        name: record.fields[name]
        for name, version in record.versions.items()
        if version.seq > base and name != DELETED
    }
    return Patch(kind=record.kind, id=record.id, seq=record.seq, fields=changed)
