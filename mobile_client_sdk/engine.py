"""The order of things in a sync, without any network: push what is pending, then pull.

The engine says what to send and takes what comes back. Nothing that arrives twice, late or from
elsewhere harms it: outcomes are noted once, a page is taken only where it continues.
"""

from typing import Final, assert_never

from mobile_client_sdk.outbox import Frame, Outbox, unreadable
from mobile_client_sdk.replica import Progress, Replica
from mobile_client_sdk.store import Store
from sync_protocol.digest import Search, TooMuchDiffers
from sync_protocol.messages import (
    MAX_OPS,
    Code,
    DigestRequest,
    DigestResponse,
    Op,
    Outcome,
    PullRequest,
    PullResponse,
    PushRequest,
    PushResponse,
    Status,
)
from sync_protocol.version import PROTOCOL_VERSION

DEFAULT_PAGE: Final = 2_000
_MOST_FRUITLESS: Final = 3
"""Answers in a row that bring nothing before a sync is given up for now."""

VERIFY_EVERY_MS: Final = 24 * 3600 * 1000
"""How often a replica is compared with the server, apart from each new start."""
_MOST_SEARCHES: Final = 2
"""How often a sync mends before it loads anew."""
_VERIFIED: Final = "verified_at_ms"
_TOLD_VERSION: Final = "told_app_version"

Request = PushRequest | PullRequest | DigestRequest
Response = PushResponse | PullResponse | DigestResponse


class Fruitless(Exception):
    """The server answers, but nothing comes of it: a later sync may do better."""


class SyncEngine:
    """One sync of one store, from the first push to the last page."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        replica: Replica,
        *,
        page: int = DEFAULT_PAGE,
        app_version: str = "",
        verifies: bool = False,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._replica = replica
        self._page = page
        self._app_version = app_version
        self._knows_handles = True
        self._skips_gaps = False
        self._verifies = verifies
        self._search: Search | None = None
        self._searches = 0
        self._has_loaded_anew = False
        self._frame_size = MAX_OPS
        self._is_complete = False
        self._fruitless = 0
        self._restorations = 0
        self.server_time_ms = 0
        """When the server last answered, by its own clock: that of a device may jump by years."""
        self.pushed = 0
        """Ops that the server settled."""
        self.merged: list[Outcome] = []
        self.refused: list[Outcome] = []
        self.pages = 0
        """Pages that were taken."""
        self.mended = 0
        """Records that were not as the server holds them, and now are."""

    def next_request(self, now_ms: int) -> Request | None:
        """Answer what to send next; none when the sync is complete."""
        frame = self._outbox.frame(most=self._frame_size)
        if frame is None:
            if not self._is_complete:
                return self._replica.request(self._page)
            return self._verification(now_ms)
        pending = self._outbox.next_number() - 1 - frame.ops[-1].number
        told = self._store.get(_TOLD_VERSION)
        return PushRequest(
            protocol=PROTOCOL_VERSION,
            schema=frame.schema,
            device_time_ms=now_ms,
            ops=self._named(frame),
            epoch=frame.epoch,
            forgotten=frame.missing if self._skips_gaps else self._outbox.forgotten(),
            lost=self._outbox.lost(),
            pending=pending,
            app_version="" if told == self._app_version else self._app_version,
            pull=None if pending else self._replica.request(self._page),
        )

    def _verification(self, now_ms: int) -> DigestRequest | None:
        """Answer what to ask to compare the replica with the server, where that is due."""
        if not self._verifies:
            return None
        if self._search is None:
            at_ms = self._store.get(_VERIFIED)
            if at_ms is None:
                # What was just loaded for the first time is as the server sent it.
                self._store.put(_VERIFIED, now_ms)
                return None
            if at_ms <= now_ms < at_ms + VERIFY_EVERY_MS:
                return None
            self._search = Search()
        return self._search.request(self._replica.request(self._page))

    def _named(self, frame: Frame) -> list[Op]:
        """Answer the ops of a frame, their records by handle where handles are of their epoch."""
        if not self._knows_handles or frame.epoch != self._replica.progress.epoch:
            return frame.ops
        return self._replica.by_handle(frame.ops)

    def receive(self, request: Request, response: Response, now_ms: int) -> None:
        """Take an answer.

        :raises Fruitless: if answers go on bringing nothing.
        """
        match request:
            case PushRequest():
                assert isinstance(response, PushResponse), "a push is answered by its outcomes"
                self.server_time_ms = response.server_time_ms
                useful = self._take_outcomes(request, response)
                # What was settled now is shown by a page that comes after it.
                self._is_complete = False
                if request.pull is not None and response.pull is not None and useful:
                    self._take_page(request.pull, response.pull)
            case PullRequest():
                assert isinstance(response, PullResponse), "a pull is answered by a page"
                self.server_time_ms = response.server_time_ms
                useful = self._take_page(request, response)
            case DigestRequest():
                assert isinstance(response, DigestResponse), "a digest is answered by digests"
                self.server_time_ms = response.pull.server_time_ms
                useful = self._take_digests(request, response, now_ms)
            case _:
                assert_never(request)
        self._fruitless = 0 if useful else self._fruitless + 1
        if self._fruitless >= _MOST_FRUITLESS:
            raise Fruitless("The server answers, but nothing comes of it.")

    def fill_gap(self, acknowledged: int) -> None:
        """Take a server's word that it waits for earlier ops: send them, or say that they are gone.

        :raises Fruitless: if this device does not have them either.
        """
        if self._rewind(acknowledged):
            return
        if self._skips_gaps:
            raise Fruitless("The server waits for ops that this device does not have.")
        # An old image left a gap, and the server was restored to before it.
        self._skips_gaps = True

    def refuse(self, request: PushRequest, detail: str, now_ms: int) -> None:
        """Take a refusal of a whole frame: send less, and in the end without the one bad op."""
        if len(request.ops) > 1 and self._frame_size > 1:
            self._frame_size = max(1, len(request.ops) // 2)
            return
        for op in request.ops:
            outcome = unreadable(op.number, detail)
            self.refused.append(outcome)
            self._outbox.void(op.number, outcome, now_ms)
        self._frame_size = MAX_OPS

    def _take_outcomes(self, request: PushRequest, response: PushResponse) -> bool:
        """Note what became of the ops; answer whether anything did."""
        if not request.ops:
            return True
        first, last = request.ops[0].number, request.ops[-1].number
        answered = [each for each in response.outcomes if first <= each.number <= last]
        outcomes = [each for each in answered if each.code != Code.NUMBER_REUSED]
        self._note(outcomes, response.server_time_ms)
        if len(outcomes) < len(answered):
            # What was settled before this device was restored stays so; only the rest is new.
            reused = {each.number for each in answered} - {each.number for each in outcomes}
            self._outbox.reopen(sorted(reused))
            return self._renumber(response.acknowledged)
        # Where handles are of another epoch the server settles nothing: name the records by ids.
        self._knows_handles = self._knows_handles and bool(outcomes)
        if outcomes and request.app_version:
            self._store.put(_TOLD_VERSION, request.app_version)
        return bool(outcomes)

    def _note(self, outcomes: list[Outcome], at_ms: int) -> None:
        """Keep what became of ops."""
        news = self._outbox.settle(outcomes, at_ms) if outcomes else []
        self.pushed += len(news)
        self.merged += [each for each in news if each.status is Status.MERGED]
        self.refused += [
            each for each in news if each.status not in (Status.APPLIED, Status.MERGED)
        ]

    def _take_page(self, request: PullRequest, page: PullResponse) -> bool:
        """Take a page; answer whether the replica came further."""
        before = self._replica.progress
        with self._store.transaction():
            if page.reset:
                self._store.put(_VERIFIED, 0)
            if self._replica.receive(request, page):
                self._outbox.show(page.seq)
                self._is_complete = True
            has_moved = before != self._replica.progress
            # A page that came late changes nothing, and what it says of the ops is old as well; a
            # new start counts as coming further.
            is_taken = self._is_complete or has_moved
            if is_taken:
                self._compare(page)
            if has_moved and self._is_complete:
                self._ask_again(before, page)
        self.pages += has_moved
        return is_taken

    def _take_digests(self, request: DigestRequest, answer: DigestResponse, now_ms: int) -> bool:
        """Take the page, then compare, and mend what differs; the outbox is not touched."""
        if self._search is None or answer.pull.from_cursor != request.pull.cursor:
            return False
        self._is_complete = False
        came_further = self._take_page(request.pull, answer.pull)
        if not self._is_complete:
            # The page does not lead to the end: the pull goes on first, then the search anew.
            self._search = None
            return came_further
        try:
            strange = self._search.receive(answer, self._replica.hashes)
        except TooMuchDiffers:
            self._load_anew(now_ms)
            return True
        if strange or answer.batches:
            self._replica.mend(strange, answer.batches)
            self.mended += sum(len(batch.ids) for batch in answer.batches) or len(strange)
        if self._search.is_done:
            self._finish(self._search, now_ms)
        return True

    def _finish(self, search: Search, now_ms: int) -> None:
        """Note that all is as it should be, or look once more at what was mended."""
        self._search = None
        if not search.has_repaired:
            self._store.put(_VERIFIED, now_ms)
            return
        self._searches += 1
        if self._searches >= _MOST_SEARCHES:
            self._load_anew(now_ms)

    def _load_anew(self, now_ms: int) -> None:
        """Begin with a first load again.

        :raises Fruitless: if this sync has done so already: comparing once more is for another day.
        """
        if self._has_loaded_anew:
            self._store.put(_VERIFIED, now_ms)
            raise Fruitless("What is here differs from the server also after it was loaded anew.")
        self._search, self._is_complete, self._has_loaded_anew = None, False, True
        self._store.put(_VERIFIED, 0)
        self._replica.start_anew()

    def _compare(self, page: PullResponse) -> None:
        """Notice that the server, or this device, was restored from an old image."""
        if page.acknowledged is None:
            return
        if page.acknowledged > self._outbox.next_number() - 1:
            self._renumber(page.acknowledged)
        elif max(page.acknowledged, self._outbox.forgotten()) < self._outbox.last_settled():
            self._rewind(page.acknowledged)

    def _ask_again(self, before: Progress, page: PullResponse) -> None:
        """Ask once more what became of ops, where the server may tell it otherwise by now."""
        if page.epoch != before.epoch:
            self._outbox.ask_again(page.server_time_ms)
        else:
            self._outbox.ask_for_waiting()

    def _renumber(self, acknowledged: int) -> bool:
        """Go on above the numbers that this device, before it was restored, had used."""
        self._count_restoration()
        self._outbox.renumber(acknowledged)
        return True

    def _rewind(self, acknowledged: int) -> bool:
        """Send again what a restored server no longer has."""
        self._count_restoration()
        return self._outbox.rewind(acknowledged)

    def _count_restoration(self) -> None:
        """Give up where a sync meets a restored side again and again."""
        self._restorations += 1
        if self._restorations > _MOST_FRUITLESS:
            raise Fruitless("The server contradicts itself about what it has settled.")
