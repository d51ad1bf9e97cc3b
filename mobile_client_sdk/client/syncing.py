"""A sync: push what is pending, pull what is new, and say how it ended."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from mobile_client_sdk import ids
from mobile_client_sdk.client.reading import Reading
from mobile_client_sdk.engine import Fruitless, Response, SyncEngine
from mobile_client_sdk.lease import LeaseEnded, StoreWiped
from mobile_client_sdk.session import DeviceRevoked, ProtectionNeeded, SignedOut, Terms
from mobile_client_sdk.store import StoreUnusable
from mobile_client_sdk.transport import Offline, RequestRefused, ServerTrouble, UpdateNeeded
from mobile_client_sdk.units import LEASE
from sync_protocol.messages import DigestResponse, Intent, OpGap, Outcome, PullResponse, PushRequest

_ABOUT_CONTENT: Final = frozenset({400, 413, 422})
"""A push is refused as such; one op of it may be to blame."""


class SyncState(StrEnum):
    """How a sync ended."""

    COMPLETE = "complete"
    """Everything is pushed, and the replica shows the server's state."""
    OFFLINE = "offline"
    """The server could not be reached; all is kept for the next time."""
    TRY_LATER = "try_later"
    """The server cannot do it now; all is kept for the next time."""
    SIGNED_OUT = "signed_out"
    """The device must enrol again; all is kept."""
    UPDATE_NEEDED = "update_needed"
    """The app is too old for the server; all is kept."""
    PROTECTION_NEEDED = "protection_needed"
    """The company wants encrypted stores alone, and this one is not; all is kept."""
    WIPED = "wiped"
    """The device's right was taken away: its data are destroyed, its unsent words are saved."""


class SyncReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync did."""

    state: SyncState
    pushed: int = 0
    """Ops that the server settled."""
    merged: tuple[Outcome, ...] = ()
    """Ops that met a concurrent edit; see ``conflicts``."""
    refused: tuple[Outcome, ...] = ()
    """Ops that had no effect; see ``refusals``."""
    pending: int = 0
    """Ops that wait for the next sync."""
    pages: int = 0
    problem: str = ""
    """What went wrong, for a log."""
    saved_to: Path | None = None
    """Where a wipe has saved what the server had not settled."""

    @property
    def is_complete(self) -> bool:
        """Answer whether nothing is left to do."""
        return self.state is SyncState.COMPLETE


class SyncProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sync is, after each answer of the server."""

    is_first_load: bool
    """Nothing is shown yet but what was made here."""
    rows: int
    """Records that have come and are not shown yet; they appear all at once."""
    pushed: int
    """Ops that the server settled in this sync."""
    pending: int
    """Ops that still wait."""


class Syncing(Reading):
    """The device's talk with its server."""

    def sync(self, *, on_progress: Callable[[SyncProgress], None] | None = None) -> SyncReport:
        """Push what is pending and pull what is new. Whatever happens, nothing is lost.

        ``on_progress`` is called after each answer of the server.
        """
        engine = SyncEngine(
            self._store,
            self._outbox,
            self._replica,
            page=self._page,
            app_version=self._app_version,
            verifies=True,
        )
        state, problem, saved_to = SyncState.COMPLETE, "", None
        try:
            self._unlock()
            if not self._store.is_closed:
                self._outbox.belong_to(self._sessions.require().device_id)
            self._run(engine, on_progress)
            self._outbox.tidy(engine.server_time_ms)
        except Offline as error:
            state, problem = SyncState.OFFLINE, str(error)
        except DeviceRevoked as error:
            state, problem, saved_to = SyncState.WIPED, str(error), self._wipe()
        except StoreWiped as error:
            state, problem = SyncState.WIPED, str(error)
        except SignedOut as error:
            state, problem = SyncState.SIGNED_OUT, str(error)
        except UpdateNeeded as error:
            state, problem = SyncState.UPDATE_NEEDED, str(error)
        except ProtectionNeeded as error:
            state, problem = SyncState.PROTECTION_NEEDED, str(error)
        except (ServerTrouble, Fruitless, RequestRefused, LeaseEnded) as error:
            state, problem = SyncState.TRY_LATER, str(error)
        return SyncReport(
            state=state,
            pushed=engine.pushed,
            merged=tuple(engine.merged),
            refused=tuple(engine.refused),
            pending=self._pending_after(),
            pages=engine.pages,
            problem=problem,
            saved_to=saved_to,
        )

    def _pending_after(self) -> int:
        """Count what waits, as far as the store is open."""
        try:
            self._follow()
            self._last_pending = self._outbox.pending_count()
        except StoreUnusable:
            pass
        return self._last_pending

    def _run(self, engine: SyncEngine, on_progress: Callable[[SyncProgress], None] | None) -> None:
        while (request := engine.next_request(self._clock_ms())) is not None:
            try:
                response = self._transport.send(request)
            except RequestRefused as error:
                if error.code == DeviceRevoked.code:
                    raise DeviceRevoked(error.detail) from error
                if not isinstance(request, PushRequest):
                    raise
                self._take_refusal(engine, request, error)
                continue
            self._note_contact(response)
            engine.receive(request, response, self._clock_ms())
            self._give_back()
            self._follow()
            if on_progress is not None:
                on_progress(self._progress(engine))

    def _give_back(self) -> None:
        """Give back the units that the server has called back, behind all that was promised."""
        while self._outbox.recalled:
            program_id = self._outbox.recalled.pop()
            made = Intent(
                number=1,
                id=ids.new_id(self._clock_ms(), self._random_bytes),
                name=LEASE,
                args={"program_id": program_id, "count": 0},
                at_ms=self._outbox.edit_time(self._clock_ms()),
            )
            self._outbox.add(partial(_numbered, made))

    def _progress(self, engine: SyncEngine) -> SyncProgress:
        progress = self._replica.progress
        return SyncProgress(
            is_first_load=not self._replica.is_loaded,
            rows=progress.rows,
            pushed=engine.pushed,
            pending=self._outbox.pending_count(),
        )

    def _note_contact(self, response: Response) -> None:
        """Begin the lease anew, and remember when that was: the server has answered."""
        if self._protection is not None:
            page = response if isinstance(response, PullResponse) else response.pull
            lease_ms = None if page is None else page.lease_ms
            self._protection.vault.contact(Terms(lease_ms=lease_ms))
        answer = response.pull if isinstance(response, DigestResponse) else response
        self._steady.hear(answer.server_time_ms)

    def _take_refusal(
        self, engine: SyncEngine, request: PushRequest, error: RequestRefused
    ) -> None:
        if error.code == OpGap.code and error.acknowledged is not None:
            engine.fill_gap(error.acknowledged)
        elif error.status in _ABOUT_CONTENT:
            engine.refuse(request, error.detail, self._clock_ms())
        else:
            raise error


def _numbered(intent: Intent, number: int) -> Intent:
    """Give an intent its number."""
    return msgspec.structs.replace(intent, number=number)
