"""Benefits on a device: promised for certain while it holds units, else asked for."""

from mobile_client_sdk import ids
from mobile_client_sdk.client.quoting import NotPossible
from mobile_client_sdk.client.registering import Registering
from mobile_client_sdk.records import Customer, id_of
from mobile_client_sdk.units import LEASE, REQUEST, UNITS_MAX, Units


class Promising(Registering):
    """What this person may promise without a network."""

    def lease_units(self, program_id: str, count: int) -> str:
        """Ask to hold so many units of a program, those that are held included; none gives back.

        The answer comes with the next sync; see ``units_left``. What is held is renewed.

        :raises ValueError: more than a device may hold.
        """
        if not 0 <= count <= UNITS_MAX:
            raise ValueError(f"A device holds from 0 to {UNITS_MAX} units of a program.")
        # Benefits are listed by its time, so it has the server's, whatever the device's clock says.
        lease_id = ids.new_id(self._server_time_ms(), self._random_bytes)
        return self._intend(lease_id, LEASE, {"program_id": program_id, "count": count})

    def units(self) -> list[Units]:
        """Answer what may be promised now, by program."""
        self._outbox.flush()
        now_ms = self._server_time_ms()
        return [
            each for each in self._outbox.units.all() if each.unit_ids and now_ms < each.until_ms
        ]

    def units_left(self, program_id: str) -> int:
        """Count what may be promised of a program now."""
        return sum(len(each.unit_ids) for each in self.units() if each.program_id == program_id)

    def promise_benefit(self, customer: Customer | str, *, program_id: str) -> str:
        """Promise a customer a benefit with the next unit; it is kept, whenever this arrives.

        Whom the program's rules let in, the person has looked at.

        :raises NotPossible: nothing is held that may still be promised (``no_units``), or the
            customer was promised all that one may have (``customer_limit_reached``).
        """
        customer_id = id_of(customer)
        with self._store.transaction(touching=()):
            held = next((each for each in self.units() if each.program_id == program_id), None)
            if held is None:
                raise NotPossible("no_units")
            if self._outbox.units.promised(program_id, customer_id) >= held.limit_per_customer:
                raise NotPossible("customer_limit_reached")
            return self.intend(
                REQUEST,
                customer_id=customer_id,
                program_id=program_id,
                unit_id=held.unit_ids[0],
            )

    def _server_time_ms(self) -> int:
        """Tell the server's time as far as it is known: a clock set back makes nothing longer."""
        told = self._steady.told()
        if told:
            return told["since_ms"] + told["elapsed_ms"]
        return max(self._clock_ms(), self._steady.heard_ms())
