"""When something was registered offline: bounded by what no phone can change."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.registrations.rules import times
from server.registrations.rules.times import Flag, Heard, interval

MINUTE = 60_000
HOUR = 60 * MINUTE
LEASE = 720 * HOUR


def heard(**fields: int | None) -> Heard:
    """Hear at 18:00 of a registration made at 12:00 on a phone that last synced at 09:00."""
    given_: dict[str, Any] = {
        "made_at_ms": 12 * HOUR,
        "received_at_ms": 18 * HOUR,
        "floor_ms": 9 * HOUR,
        "since_ms": 9 * HOUR,
        "elapsed_ms": 3 * HOUR,
        "lease_ms": LEASE,
        **fields,
    }
    return Heard(**given_)


def test_a_steady_clock_tells_the_minute() -> None:
    """Six hours without a network do not make the time uncertain."""
    told = interval(heard())

    assert told.earliest_ms <= 12 * HOUR <= told.latest_ms
    assert told.latest_ms - told.earliest_ms < 3 * MINUTE
    assert told.flag is None


def test_m12_a_clock_set_back_three_hours_gains_nothing_and_is_shown() -> None:
    """The time is the steady clock's; the arbitrator sees that the other was moved."""
    told = interval(heard(made_at_ms=9 * HOUR))

    assert (told.earliest_ms, told.latest_ms) == (interval(heard()).earliest_ms, told.latest_ms)
    assert told.flag is Flag.MOVED


def test_a_phone_that_was_started_anew_has_the_servers_bounds() -> None:
    """Whatever its clock on the wall says."""
    told = interval(heard(since_ms=None, elapsed_ms=None, made_at_ms=9 * HOUR))

    assert (told.earliest_ms, told.latest_ms) == (9 * HOUR, 18 * HOUR)
    assert told.flag is Flag.UNPROVEN


def test_what_cannot_be_counts_from_its_receipt() -> None:
    """A steady clock that runs back, or ahead of the server, is none."""
    for told in (heard(elapsed_ms=-HOUR), heard(elapsed_ms=20 * HOUR), heard(since_ms=2 * HOUR)):
        told_ = interval(told)
        assert (told_.earliest_ms, told_.latest_ms) == (18 * HOUR, 18 * HOUR)
        assert told_.flag is Flag.CONTRADICTED


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.integers(-(10**9), 10**9),
    st.none() | st.integers(0, 10**9),
    st.none() | st.integers(-(10**6), 10**9),
)
def test_no_word_of_a_phone_leads_out_of_the_servers_bounds(
    floor: int, length: int, made: int, since: int | None, elapsed: int | None
) -> None:
    """And an interval never ends before it begins."""
    told = interval(
        Heard(
            made_at_ms=made,
            floor_ms=floor,
            lease_ms=LEASE,
            received_at_ms=floor + length,
            since_ms=since,
            elapsed_ms=elapsed,
        )
    )

    assert floor <= told.earliest_ms <= told.latest_ms <= floor + length


def test_nobody_is_believed_beyond_the_longest_lease() -> None:
    """Whoever has kept the server from hearing of it for months has the last days, marked."""
    away = {"received_at_ms": 9_000 * HOUR, "floor_ms": 0}
    for told in (
        heard(**away, since_ms=HOUR, elapsed_ms=HOUR),
        heard(**away, since_ms=-(10**12), elapsed_ms=10**12 + 8_990 * HOUR),
        heard(**away, since_ms=None),
    ):
        held = interval(told)
        assert (held.earliest_ms, held.latest_ms) == (9_000 * HOUR - LEASE, 9_000 * HOUR)
        assert held.flag is Flag.UNPROVEN


@given(
    st.integers(0, LEASE),
    st.integers(0, LEASE),
    st.integers(0, LEASE),
    st.integers(-times.DRIFT, times.DRIFT),
)
def test_an_honest_phone_is_dated_truly_and_never_flagged_within_its_lease(
    away_ms: int, part: int, lost: int, wrong: int
) -> None:
    """However long it was away, whatever it had to send first, and if its last answer was lost."""
    received_ms, since_ms = 2 * LEASE, 2 * LEASE - away_ms
    made_ms = since_ms + part % (away_ms + 1)
    floor_ms = since_ms + lost % (made_ms - since_ms + 1)
    elapsed_ms = made_ms - since_ms
    told = interval(
        heard(
            made_at_ms=made_ms,
            received_at_ms=received_ms,
            floor_ms=floor_ms,
            since_ms=since_ms,
            # A clock that is out by half a per cent at the most; what is cut off, is cut off.
            elapsed_ms=elapsed_ms + (elapsed_ms * wrong // (times.DRIFT * (times.DRIFT + 1))),
        )
    )

    assert told.flag is None
    assert told.earliest_ms <= made_ms <= told.latest_ms
    assert (told.floor_ms, told.ceiling_ms) == (floor_ms, received_ms)


@given(st.integers(0, times.ON_ITS_WAY_MS))
def test_what_was_made_while_a_request_was_on_its_way_is_no_contradiction(late_ms: int) -> None:
    """The server had heard of it a little later than it was made: it counts from then on."""
    told = interval(heard(floor_ms=12 * HOUR + late_ms))

    assert told.flag is None
    assert told.earliest_ms == max(12 * HOUR + late_ms, interval(heard()).earliest_ms)
    assert told.latest_ms <= 12 * HOUR + times.ON_ITS_WAY_MS


def test_what_is_registered_with_the_server_at_hand_is_a_moment() -> None:
    """Nothing is uncertain about it."""
    assert times.online(5) == times.Interval(earliest_ms=5, latest_ms=5)
