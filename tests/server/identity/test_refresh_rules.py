"""Refresh tokens turn over: lost replies never sign anybody out, old copies always do."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.identity.rules import refresh_tokens
from server.identity.rules.refresh_tokens import (
    Family,
    RefreshToken,
    RefreshTokenRefused,
    Refuse,
    Repeat,
    Revoke,
    Rotate,
)

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
KEY = b"k" * 32
DEVICE = UUID(int=7)


def begun() -> tuple[RefreshToken, Family]:
    """Begin a family."""
    token = refresh_tokens.first(UUID(int=1), secrets.token_bytes(32))
    family = Family(
        id=token.family_id,
        device_id=DEVICE,
        generation=1,
        current=token.fingerprint,
        previous=None,
        salt=b"",
        rotated_at=NOW,
        expires_at=NOW + refresh_tokens.ABSOLUTE,
        revoked_at=None,
    )
    return token, family


def test_a_token_is_read_back_and_its_secret_is_not_stored() -> None:
    token, family = begun()
    text = refresh_tokens.encode(token, key=KEY)

    assert refresh_tokens.decode(text, keys=[b"o" * 32, KEY]) == token
    assert token.secret not in family.current
    assert token.secret not in msgspec.msgpack.encode(family)


@given(st.data())
def test_a_token_with_anything_changed_is_noise(data: st.DataObject) -> None:
    text = refresh_tokens.encode(begun()[0], key=KEY)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters().filter(lambda found: found != text[place]))
    changed = text[:place] + other + text[place + 1 :]

    with pytest.raises(RefreshTokenRefused):
        refresh_tokens.decode(changed, keys=[KEY])


def test_a_token_has_one_spelling() -> None:
    for _ in range(50):
        text = refresh_tokens.encode(begun()[0], key=KEY)
        for one, other in (("-", "+"), ("_", "/")):
            body = text.removeprefix(refresh_tokens.PREFIX)
            changed = refresh_tokens.PREFIX + body.replace(one, other)
            if changed != text:
                with pytest.raises(RefreshTokenRefused):
                    refresh_tokens.decode(changed, keys=[KEY])


def test_a_device_stays_signed_in_when_the_server_was_restored() -> None:
    token, family = begun()
    later = token
    for _ in range(3):
        later = refresh_tokens.successor(later, salt=b"s" * 16, key=KEY)

    decision = refresh_tokens.decide(family, later, device_id=DEVICE, now=NOW)

    assert decision == Rotate()
    gone_on = msgspec.structs.replace(
        family, generation=later.generation, current=later.fingerprint, previous=None
    )
    # An old copy that came back in between is theft, as ever.
    assert refresh_tokens.decide(gone_on, token, device_id=DEVICE, now=NOW) == Revoke()


@given(st.text(max_size=200))
def test_noise_is_refused(text: str) -> None:
    with pytest.raises(RefreshTokenRefused):
        refresh_tokens.decode(text, keys=[KEY])


def test_a_successor_needs_the_key_the_salt_and_the_token() -> None:
    token, _ = begun()
    follows = refresh_tokens.successor(token, salt=b"s" * 16, key=KEY)

    assert follows == refresh_tokens.successor(token, salt=b"s" * 16, key=KEY)
    assert follows.generation == 2
    assert follows != refresh_tokens.successor(token, salt=b"t" * 16, key=KEY)
    assert follows != refresh_tokens.successor(token, salt=b"s" * 16, key=b"o" * 32)


def test_a_family_belongs_to_its_device() -> None:
    token, family = begun()

    assert refresh_tokens.decide(family, token, device_id=DEVICE, now=NOW) == Rotate()
    assert refresh_tokens.decide(family, token, device_id=UUID(int=8), now=NOW) == Refuse()


@pytest.mark.parametrize("days", [30, 31, 180, 1000])
def test_a_family_that_nobody_used_for_thirty_days_is_over(days: int) -> None:
    token, family = begun()

    late = NOW + timedelta(days=days)

    assert refresh_tokens.decide(family, token, device_id=None, now=late) == Refuse()


class Turning(RuleBasedStateMachine):
    """A device, a network that loses replies, and a thief who copies what he sees."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        token, self.family = begun()
        self.line = [token]
        self.held = token
        """What the device has."""
        self.lost_at: datetime | None = None
        self.stolen: RefreshToken | None = None
        self.is_stolen_used = False
        self.is_late = False

    def present(self, token: RefreshToken) -> RefreshToken | None:
        """Do what the server does, on a family in memory, and check it against the line."""
        family = self.family
        decided = refresh_tokens.decide(family, token, device_id=DEVICE, now=self.now)
        place = self.line.index(token)
        is_fresh = self.now <= family.rotated_at + refresh_tokens.GRACE
        if family.revoked_at is not None:
            assert decided == Refuse()
        elif place == len(self.line) - 1:
            assert decided == Rotate()
        elif place == len(self.line) - 2 and is_fresh:
            assert decided == Repeat()
        else:
            assert decided == Revoke()
        match decided:
            case Rotate():
                salt = secrets.token_bytes(16)
                follows = refresh_tokens.successor(token, salt=salt, key=KEY)
                self.line.append(follows)
                self.family = msgspec.structs.replace(
                    family,
                    generation=follows.generation,
                    previous=family.current,
                    current=follows.fingerprint,
                    salt=salt,
                    rotated_at=self.now,
                )
                return follows
            case Repeat():
                again = refresh_tokens.successor(token, salt=family.salt, key=KEY)
                assert again == self.line[-1]
                return again
            case Revoke():
                self.family = msgspec.structs.replace(family, revoked_at=self.now)
                return None
            case Refuse():
                return None

    @rule(is_lost=st.booleans())
    def device_turns_over(self, is_lost: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        if self.lost_at is not None and self.now - self.lost_at > refresh_tokens.GRACE:
            self.is_late = True
        given = self.present(self.held)
        if not self.is_stolen_used and not self.is_late:
            assert given is not None, "signed out without theft"
        if is_lost:
            self.lost_at = self.lost_at or self.now
        elif given is not None:
            self.held, self.lost_at = given, None

    @rule(seconds=st.sampled_from([1, 20, 59, 60, 61, 600, 86400]))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def thief_copies(self) -> None:
        self.stolen = self.held

    @precondition(lambda self: self.stolen is not None)
    @rule()
    def thief_turns_over(self) -> None:
        assert self.stolen is not None
        self.is_stolen_used = True
        was_beyond = self.line.index(self.stolen) < len(self.line) - 2
        given = self.present(self.stolen)
        if was_beyond:
            assert given is None
            assert self.family.revoked_at is not None
        self.stolen = given or self.stolen

    @invariant()
    def two_never_go_on_side_by_side(self) -> None:
        """Whoever is behind by two ends the family for both; until then both hold the same line."""
        assert len(set(self.line)) == len(self.line)


Turning.TestCase.settings = settings(max_examples=400, stateful_step_count=30, deadline=None)
TestTurning = Turning.TestCase
