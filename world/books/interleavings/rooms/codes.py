"""Codes: a benefit whose code nobody keeps, and one whose code somebody is about to use."""

import hashlib
from typing import Final
from uuid import UUID

from billing.redemptions.schemas import Kind, Wish
from server.benefits import service as programs
from server.benefits.schemas import NewProgram
from server.benefits.vouchers import teller
from server.benefits.vouchers.teller import Teller
from server.kit import db, ids
from world.books.interleavings.pairs import Given, Move, Room, Scene
from world.books.interleavings.rooms.benefits import ProgramBooks
from world.books.interleavings.rooms.reading import do, rows
from world.books.trial import OPERATOR

_AMOUNT: Final = 100_00
_ADD: Final = """
INSERT INTO voucher (digest, issuance_id, agent_id, serial, last4, made_by, made_at)
VALUES ($1, $2, $3, 0, 'ABCD', $4, $5)
"""
_STATE: Final = """
SELECT voucher.lock_id = $2, used_minor, released_minor FROM voucher
JOIN issuance ON issuance.id = issuance_id WHERE issuance.program_id = $1
ORDER BY issuance_id = $3 DESC
"""


class _Codes(ProgramBooks):
    """Two benefits with codes: one is used in part, the other one's code is kept for somebody."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self.kept_id, self.lock_id = ids.new_id(given.now), ids.new_id(given.now)

    async def set_up(self) -> None:
        """Issue both, and keep a code."""
        new = NewProgram(
            id=self.program_id, name="进货券", amount_minor=_AMOUNT, opens_at=self.given.now
        )
        await programs.create_program(OPERATOR, new, token_key=bytes(32), now=self.given.now)
        await super().set_up()
        await self.issue(self.kept_id, self.kept_id)
        async with db.tenant_transaction(self.given.agent_id):
            for each in (self.benefit_id, self.kept_id):
                await db.connection().execute(
                    _ADD,
                    *(self._teller(each).digest, each, self.given.agent_id),
                    *(OPERATOR.user_id, self.given.now),
                )
        await self.keep(self.kept_id, self.lock_id)

    def _teller(self, benefit_id: UUID) -> Teller:
        return Teller(
            digest=hashlib.sha256(benefit_id.bytes).digest(),
            agent_id=self.given.agent_id,
            person_id=OPERATOR.user_id,
        )

    async def keep(self, benefit_id: UUID, lock_id: UUID) -> object:
        """Keep a code."""
        row = await do(teller.keep, self._teller(benefit_id), lock_id, now=self.given.now)
        return [row["used_minor"], row["open_minor"], row["locked_until"] is not None]

    async def settle(
        self,
        key: UUID,
        kind: Kind,
        benefit_id: UUID,
        *,
        lock_id: UUID | None = None,
        of_id: UUID | None = None,
    ) -> object:
        """Use a benefit by its code, or take a use back."""
        wish = Wish(
            key=key,
            kind=kind,
            issuance_id=benefit_id,
            amount_minor=50_00 if kind is Kind.REDEEM else None,
            of_id=of_id,
        )
        teller_ = self._teller(benefit_id)
        done = await do(teller.settle, teller_, wish, lock_id=lock_id, now=self.given.now)
        return [done.settled and done.settled.code, done.row["used_minor"], done.row["open_minor"]]

    @property
    def moves(self) -> dict[str, Move]:
        """Give what may be done, by name."""
        free, kept = self.benefit_id, self.kept_id
        return {
            "keep": lambda key: self.keep(free, key),
            "keep another's": lambda key: self.keep(kept, key),
            "use": lambda key: self.settle(key, Kind.REDEEM, free),
            "use kept": lambda key: self.settle(key, Kind.REDEEM, kept, lock_id=self.lock_id),
            "take a use back": lambda key: self.settle(
                key, Kind.ROLL_BACK, free, of_id=self.use_id
            ),
            "withdraw": lambda key: self.wish(key, Kind.REVOKE),
        }

    async def state(self) -> object:
        """Give what became of benefits and codes."""
        told = await rows(_STATE, self.program_id, self.lock_id, self.benefit_id)
        return [await super().state(), told]


async def _set_up(given: Given) -> Scene:
    made = _Codes(given)
    await made.set_up()
    return Scene(made.moves, made.state)


CODES: Final = Room(
    "codes",
    ("keep", "keep another's", "use", "use kept", "take a use back", "withdraw"),
    _set_up,
)
