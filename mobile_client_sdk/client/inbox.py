"""Conflicts: two people wrote one field unseen, and somebody chooses."""

from typing import Final

from mobile_client_sdk.client.writing import Writing
from mobile_client_sdk.conflicts import OpenConflict, open_conflict
from mobile_client_sdk.records import RECORD_TYPES, ConflictRecord, Customer, custom_of, id_of
from mobile_client_sdk.views import Question
from sync_protocol.schema import ValueRefused
from sync_protocol.schema.custom import is_custom

_TYPES: Final = {kind.KIND: kind for kind in RECORD_TYPES}


class Inbox(Writing):
    """The conflicts that wait for a person."""

    def conflicts(self, customer: Customer | str | None = None) -> list[OpenConflict]:
        """Answer the conflicts that nobody has looked at, the oldest first."""
        equal: dict[str, object] = {"state": "open"}
        if customer is not None:
            equal["customer_id"] = id_of(customer)
        question = Question(equal=equal, order_by="happened_at")
        return [open_conflict(each) for each in self.find(ConflictRecord, question)]

    def restore(self, conflict: OpenConflict) -> None:
        """Bring back the value that was not held."""
        held = self.get(_TYPES[conflict.kind], conflict.record_id)
        if held is None:
            raise ValueRefused("not_found", "The record is not here any more.")
        with self.group(atomic=True):
            if conflict.field == "deleted":
                self.delete(held)
            else:
                with self.edit(held) as draft:
                    if is_custom(conflict.field):
                        custom_of(draft)[conflict.field] = conflict.other
                    else:
                        setattr(draft, conflict.field, conflict.other)
            self._close_conflict(conflict, "restored")

    def dismiss(self, conflict: OpenConflict) -> None:
        """Leave what is held."""
        self._close_conflict(conflict, "dismissed")

    def _close_conflict(self, conflict: OpenConflict, state: str) -> None:
        record = self.get(ConflictRecord, conflict.id)
        if record is not None:
            with self.edit(record) as draft:
                draft.state = state
