"""A push: each op once, by the real merge."""

import msgspec

from mobile_client_sdk.testing.company import FakeDevice
from mobile_client_sdk.testing.pulling import Pulling
from sync_protocol.handles import handles_of, with_ids
from sync_protocol.messages import (
    Code,
    Outcome,
    PushResponse,
    ReceivedOp,
    ReceivedPush,
    Status,
    is_same_op,
    op_digest,
    runs,
    split_frame,
)
from sync_protocol.upcast import upcast


class Pushing(Pulling):
    """Settles what devices did."""

    settled = 0
    """Ops that had an effect or were refused, each counted once."""
    _restored_to = 0

    def _push(self, device: FakeDevice, push: ReceivedPush) -> PushResponse:
        now_ms = self._clock_ms()
        device.pending = push.pending
        device.app_version = push.app_version or device.app_version
        named = handles_of(push.ops)
        if named and push.epoch not in (0, self.epoch):
            # Handles of another epoch mean nothing here: the device sends again by ids.
            return PushResponse(
                outcomes=[], acknowledged=device.acknowledged, server_time_ms=now_ms
            )
        ids = {(each.kind, each.handle): each.id for each in self.records.values()}
        repeated, fresh = split_frame(
            with_ids(push.ops, ids), acknowledged=device.acknowledged, forgotten=push.forgotten
        )
        outcomes = [self._again(device, op) for op in repeated]
        if not any(each.code == Code.NUMBER_REUSED for each in outcomes):
            outcomes += self._settle_fresh(device, fresh, push, now_ms)
        return PushResponse(
            outcomes=outcomes,
            acknowledged=device.acknowledged,
            server_time_ms=now_ms,
            pull=None if push.pull is None else self._pull(device, push.pull),
        )

    def _again(self, device: FakeDevice, op: ReceivedOp) -> Outcome:
        digest, outcome = device.outcomes[op.number]
        if is_same_op(op, digest):
            return outcome
        for settled, held in device.outcomes.values():
            if settled == op_digest(op):
                return msgspec.structs.replace(held, number=op.number)
        return Outcome(number=op.number, status=Status.REJECTED, code=Code.NUMBER_REUSED)

    def _settle_fresh(
        self, device: FakeDevice, ops: list[ReceivedOp], push: ReceivedPush, now_ms: int
    ) -> list[Outcome]:
        if not ops:
            return []
        outcomes = [
            outcome
            for run in runs(upcast(ops, push.schema))
            for outcome in self._settle(
                list(run),
                device,
                device.user_id,
                now_ms,
                offset_ms=now_ms - push.device_time_ms,
                base_limit=self._base_limit(push.epoch),
                lost=push.lost,
            )
        ]
        for op, outcome in zip(ops, outcomes, strict=True):
            device.outcomes[op.number] = (op_digest(op), outcome)
        device.acknowledged = ops[-1].number
        self.settled += len(ops)
        return outcomes

    def _base_limit(self, epoch: int) -> int | None:
        """Answer up to where bases of an epoch mean the same here."""
        if epoch in (0, self.epoch):
            return None
        return self._restored_to if epoch == self.epoch - 1 else 0
