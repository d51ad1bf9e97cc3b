"""Refresh tokens on the real database: any order of turning over, lost replies and theft."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.identity import keys, presence, service
from server.identity.rules import refresh_tokens
from server.identity.rules.access_tokens import AccessTokenRefused
from server.identity.rules.refresh_tokens import RefreshTokenRefused
from server.identity.rules.standing import SessionOver
from server.identity.rules.web_sessions import SignInNeeded
from server.identity.schemas import Tokens
from server.kit import db
from tests import factories
from tests.factories import NOW, Tenant
from tests.server.identity.conftest import Person
from tests.server.identity.test_sign_in import address

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), st.booleans()),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 59, 61, 700])),
        st.tuples(st.just("copy"), st.none()),
        st.tuples(st.just("steal"), st.none()),
        st.tuples(st.just("guess"), st.none()),
    ),
    max_size=14,
)


async def signed_in(person: Person) -> Tokens:
    """Sign a person in."""
    return await service.sign_in(person.login, person.password, address=address(), now=NOW)


class Line:
    """What a family has given out, and what the law says of each token."""

    def __init__(self, first: str) -> None:
        self.given = [first]
        self.rotated_at = NOW
        self.is_over = False

    async def present(self, token: str, now: object) -> str | None:
        """Present a token and check the answer against the law."""
        place = self.given.index(token)
        assert isinstance(now, type(NOW))
        is_last = place == len(self.given) - 1
        is_lost = place == len(self.given) - 2 and now - self.rotated_at <= refresh_tokens.GRACE
        is_good = not self.is_over and (is_last or is_lost)
        try:
            answer = (await service.refresh(token, now=now)).refresh_token
        except RefreshTokenRefused:
            assert not is_good
            self.is_over = True
            return None
        assert is_good
        if is_last:
            self.given.append(answer)
            self.rotated_at = now
        assert answer == self.given[-1]
        return answer


@settings(max_examples=60, deadline=None)
@given(steps=STEPS)
async def test_replays_end_the_family_and_lost_replies_do_not(
    steps: list[tuple[str, object]], opened_keys: keys.Keys
) -> None:
    somebody = await service.add_staff(
        factories.new_user(factories.make_platform_actor(), team_id=None),
        password="a quiet harbour at dawn",
        now=NOW,
    )
    first = await service.sign_in(
        somebody.login or "", "a quiet harbour at dawn", address=address(), now=NOW
    )
    line, now = Line(first.refresh_token), NOW
    held, stolen = first.refresh_token, None

    for step, choice in steps:
        match step:
            case "turn":
                answer = await line.present(held, now)
                held = answer if answer and choice else held
            case "wait":
                assert isinstance(choice, int)
                now += timedelta(seconds=choice)
            case "copy":
                stolen = held
            case "steal" if stolen is not None:
                stolen = await line.present(stolen, now) or stolen
            case "guess":
                with pytest.raises(RefreshTokenRefused):
                    await service.refresh(held[:-5] + held[-5:][::-1] + "A", now=now)
            case _:
                assert step == "steal", "nothing was copied yet"


async def test_two_refreshes_at_once_get_the_same_successor(rep: Person) -> None:
    tokens = await signed_in(rep)

    answers = await asyncio.gather(
        *(service.refresh(tokens.refresh_token, now=NOW) for _ in range(6))
    )

    assert len({answer.refresh_token for answer in answers}) == 1
    assert len({answer.access_token for answer in answers}) == 6


async def test_a_lost_reply_is_made_again_after_the_server_key_was_turned_over(
    rep: Person, opened_keys: keys.Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await signed_in(rep)
    lost = await service.refresh(tokens.refresh_token, now=NOW)
    turned = msgspec.structs.replace(opened_keys, macs=(b"n" * 32, *opened_keys.macs))
    monkeypatch.setattr(keys, "_held", [turned])

    again = await service.refresh(tokens.refresh_token, now=NOW + timedelta(seconds=5))

    # Sealed under the new key, but the same token: both go on.
    assert refresh_tokens.decode(again.refresh_token, keys=turned.macs) == refresh_tokens.decode(
        lost.refresh_token, keys=turned.macs
    )
    await service.refresh(lost.refresh_token, now=NOW + timedelta(seconds=6))


async def test_the_database_holds_no_token(rep: Person) -> None:
    tokens = await signed_in(rep)
    parsed = refresh_tokens.decode(tokens.refresh_token, keys=keys.current().macs)

    async with db.global_transaction():
        row = await db.connection().fetchrow(
            "SELECT * FROM refresh_family WHERE id = $1", parsed.family_id
        )

    assert row is not None
    assert parsed.secret not in [value for value in row.values() if isinstance(value, bytes)]


async def test_signing_out_ends_both_tokens(rep: Person) -> None:
    tokens = await signed_in(rep)
    actor = await presence.api_actor(tokens.access_token, now=NOW, is_read=True)

    await service.sign_out(actor, now=NOW)

    with pytest.raises(SessionOver):
        await presence.api_actor(tokens.access_token, now=NOW, is_read=True)
    with pytest.raises(RefreshTokenRefused):
        await service.refresh(tokens.refresh_token, now=NOW)


async def test_signing_out_everywhere_ends_every_session(rep: Person) -> None:
    phone, desk = await signed_in(rep), await signed_in(rep)
    browser = await service.web_sign_in(rep.login, rep.password, address=address(), now=NOW)
    actor = await presence.api_actor(desk.access_token, now=NOW, is_read=True)

    await service.sign_out_everywhere(actor, now=NOW)

    for tokens in (phone, desk):
        with pytest.raises(SessionOver):
            await presence.api_actor(tokens.access_token, now=NOW, is_read=True)
        with pytest.raises(RefreshTokenRefused):
            await service.refresh(tokens.refresh_token, now=NOW)
    with pytest.raises(SignInNeeded):
        await presence.web_presence(browser.token, now=NOW, is_read=True)


async def test_a_person_who_is_let_go_is_out(tenant: Tenant, rep: Person) -> None:
    tokens = await signed_in(rep)

    await service.disable_user(tenant.owner, rep.actor.user_id, now=NOW)

    with pytest.raises(SessionOver):
        await presence.api_actor(tokens.access_token, now=NOW, is_read=False)
    with pytest.raises(RefreshTokenRefused):
        await service.refresh(tokens.refresh_token, now=NOW)
    await service.enable_user(tenant.owner, rep.actor.user_id, now=NOW)
    with pytest.raises(RefreshTokenRefused):
        await service.refresh(tokens.refresh_token, now=NOW)
    await signed_in(rep)


async def test_a_token_is_over_after_ten_minutes(rep: Person) -> None:
    tokens = await signed_in(rep)

    await presence.api_actor(tokens.access_token, now=NOW + timedelta(seconds=599), is_read=True)

    with pytest.raises(AccessTokenRefused):
        await presence.api_actor(
            tokens.access_token, now=NOW + timedelta(seconds=600), is_read=True
        )


async def test_what_is_over_is_swept_away_later(rep: Person) -> None:
    tokens = await signed_in(rep)

    await service.sweep(now=NOW + timedelta(days=186))
    still = await service.refresh(tokens.refresh_token, now=NOW)
    await service.sweep(now=NOW + timedelta(days=188))

    with pytest.raises(RefreshTokenRefused):
        await service.refresh(still.refresh_token, now=NOW)


async def test_signing_in_leaves_one_sweep_for_later(rep: Person) -> None:
    await signed_in(rep)
    await signed_in(rep)

    async with db.job_transaction():
        waiting = await db.connection().fetchval(
            "SELECT count(*) FROM outbox WHERE topic = 'identity.sweep'"
        )
    assert waiting == 1


async def test_a_replay_ends_the_family_for_the_thief_and_for_the_device(rep: Person) -> None:
    stolen = (await signed_in(rep)).refresh_token
    second = (await service.refresh(stolen, now=NOW)).refresh_token
    third = await service.refresh(second, now=NOW)

    with pytest.raises(RefreshTokenRefused):
        await service.refresh(stolen, now=NOW)

    with pytest.raises(RefreshTokenRefused):
        await service.refresh(third.refresh_token, now=NOW)
    with pytest.raises(SessionOver):
        await presence.api_actor(third.access_token, now=NOW, is_read=True)


async def test_a_reply_that_is_lost_for_longer_ends_the_family(rep: Person) -> None:
    first = (await signed_in(rep)).refresh_token
    second = (await service.refresh(first, now=NOW)).refresh_token

    with pytest.raises(RefreshTokenRefused):
        await service.refresh(first, now=NOW + timedelta(seconds=61))

    with pytest.raises(RefreshTokenRefused):
        await service.refresh(second, now=NOW + timedelta(seconds=61))


async def test_who_was_signed_in_stays_so_when_the_database_is_restored(rep: Person) -> None:
    first = (await signed_in(rep)).refresh_token
    backup = await _family_of(first)
    last = first
    for _ in range(3):
        last = (await service.refresh(last, now=NOW)).refresh_token
    await _restore(first, backup)

    following = (await service.refresh(last, now=NOW)).refresh_token
    again = (await service.refresh(last, now=NOW)).refresh_token

    # The reply was lost, as replies are.
    assert again == following
    assert (await service.refresh(following, now=NOW)).refresh_token != following


async def _family_of(text: str) -> dict[str, object]:
    """Read a token's family as a backup has it."""
    family_id = refresh_tokens.decode(text, keys=keys.current().macs).family_id
    async with db.global_transaction():
        row = await db.connection().fetchrow(
            "SELECT generation, current_hash, previous_hash, salt FROM refresh_family"
            " WHERE id = $1",
            family_id,
        )
    assert row is not None
    return dict(row)


async def _restore(text: str, backup: dict[str, object]) -> None:
    """Let a family be as the backup has it."""
    family_id = refresh_tokens.decode(text, keys=keys.current().macs).family_id
    async with db.global_transaction():
        await db.connection().execute(
            "UPDATE refresh_family SET generation = $2, current_hash = $3, previous_hash = $4,"
            " salt = $5 WHERE id = $1",
            family_id,
            *backup.values(),
        )
