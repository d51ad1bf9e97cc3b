"""Access tokens: every token that this server did not make as one is refused."""

import base64
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from server.identity.rules import access_tokens
from server.identity.rules.access_tokens import AccessTokenRefused, Claims

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
RING = access_tokens.key_ring(KEY, issuer="https://tonglu.example", audience="tonglu-api")
CLAIMS = Claims(
    user_id=UUID(int=1),
    tenant_id=UUID(int=2),
    device_id=UUID(int=3),
    session_id=UUID(int=4),
    session_version=1,
    token_id=UUID(int=5),
    issued_at=NOW,
    expires_at=NOW + access_tokens.LIFE,
)
GOOD = access_tokens.mint(RING, CLAIMS)
HEADER: dict[str, Any] = json.loads(base64.urlsafe_b64decode(GOOD.split(".")[0] + "=="))
PAYLOAD: dict[str, Any] = jwt.decode(GOOD, options={"verify_signature": False})


def _part(content: object) -> str:
    """Spell one part of a token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def forged(
    header: dict[str, Any] | None = None,
    payload: dict[str, Any] | None = None,
    *,
    key: Ed25519PrivateKey = KEY,
) -> str:
    """Write a token with other parts, truly signed by a key."""
    parts = f"{_part(HEADER | (header or {}))}.{_part(PAYLOAD | (payload or {}))}"
    signature = base64.urlsafe_b64encode(key.sign(parts.encode())).decode().rstrip("=")
    return f"{parts}.{signature}"


def without(member: str, *, of_header: bool = False) -> str:
    """Write a truly signed token that lacks a member."""
    header = {key: value for key, value in HEADER.items() if not (of_header and key == member)}
    payload = {key: value for key, value in PAYLOAD.items() if of_header or key != member}
    parts = f"{_part(header)}.{_part(payload)}"
    return f"{parts}.{base64.urlsafe_b64encode(KEY.sign(parts.encode())).decode().rstrip('=')}"


def _signed_with_public_key_as_secret() -> str:
    """Mix HS256 with EdDSA: the public key, which everybody may know, as the HMAC secret."""
    secret = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    parts = f"{_part(HEADER | {'alg': 'HS256'})}.{_part(PAYLOAD)}"
    mac = hmac.digest(secret, parts.encode(), "sha256")
    return f"{parts}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


MUTANTS = {
    "alg none": f"{_part(HEADER | {'alg': 'none'})}.{_part(PAYLOAD)}.",
    "alg None": f"{_part(HEADER | {'alg': 'None'})}.{_part(PAYLOAD)}.",
    "alg none, signature kept": f"{_part(HEADER | {'alg': 'none'})}.{GOOD.split('.', 1)[1]}",
    "signature missing": GOOD.rpartition(".")[0] + ".",
    "HS256 under the public key": _signed_with_public_key_as_secret(),
    "alg of another family, EdDSA signature": forged({"alg": "ES256"}),
    "alg spelled otherwise": forged({"alg": "eddsa"}),
    "other key under our kid": forged(key=OTHER_KEY),
    "kid of another key": forged({"kid": access_tokens.key_id(OTHER_KEY.public_key())}),
    "kid as a path": forged({"kid": "../../../../dev/null"}),
    "kid as SQL": forged({"kid": "' OR 1=1 --"}),
    "kid not a text": forged({"kid": 1}),
    "kid a list": forged({"kid": [HEADER["kid"]]}),
    "kid missing": without("kid", of_header=True),
    "typ missing": without("typ", of_header=True),
    "typ of an identity token": forged({"typ": "JWT"}),
    "typ of a refresh token": forged({"typ": "rt+jwt"}),
    "typ in capitals": forged({"typ": "AT+JWT"}),
    "crit": forged({"crit": ["exp"]}),
    "crit unknown": forged({"crit": ["tonglu"], "tonglu": True}),
    "jwk in the header": forged({"jwk": {"kty": "OKP", "crv": "Ed25519", "x": "AA"}}),
    "jku in the header": forged({"jku": "https://evil.example/keys"}),
    "b64 false": forged({"b64": False}),
    "iss of somebody else": forged(payload={"iss": "https://evil.example"}),
    "iss that begins like ours": forged(payload={"iss": "https://tonglu.example.evil.cn"}),
    "iss that ours begins with": forged(payload={"iss": "https://tonglu"}),
    "iss a list": forged(payload={"iss": ["https://tonglu.example"]}),
    "aud of another service": forged(payload={"aud": "tonglu-files"}),
    "aud a list with ours": forged(payload={"aud": ["tonglu-api", "other"]}),
    "sv a text": forged(payload={"sv": "1"}),
    "sv null": forged(payload={"sv": None}),
    "sub not an id": forged(payload={"sub": "admin"}),
    "tenant null": forged(payload={"tenant": None}),
    "device empty": forged(payload={"device": ""}),
    "device null": forged(payload={"device": None}),
    "exp a text": forged(payload={"exp": "9999999999"}),
    "exp a fraction": forged(payload={"exp": PAYLOAD["exp"] + 0.5}),
    "exp beyond all calendars": forged(payload={"exp": 10**30}),
    "a claim too many": forged(payload={"role": "agent_owner"}),
    "payload a list": f"{_part(HEADER)}.{_part([])}.AAAA",
    "empty": "",
    "one dot": "a.b",
    "nested": f"{GOOD}.{GOOD}",
    "too long": GOOD + "A" * 4000,
    "not ASCII": "令牌.令牌.令牌",
    **{f"{claim} missing": without(claim) for claim in PAYLOAD},
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_a_mutant_is_refused(mutant: str) -> None:
    with pytest.raises(AccessTokenRefused):
        access_tokens.read(RING, mutant)


def test_the_token_itself_is_read_back() -> None:
    assert access_tokens.read(RING, GOOD) == CLAIMS
    assert access_tokens.read(RING, forged()) == CLAIMS


def test_a_token_without_a_device_says_so() -> None:
    claims = Claims(
        **{field: getattr(CLAIMS, field) for field in CLAIMS.__struct_fields__}
        | {"device_id": None}
    )

    assert access_tokens.read(RING, access_tokens.mint(RING, claims)) == claims


def test_an_earlier_key_is_believed_until_it_is_taken_away() -> None:
    turned = access_tokens.key_ring(
        OTHER_KEY, earlier=(KEY,), issuer=RING.issuer, audience=RING.audience
    )
    alone = access_tokens.key_ring(OTHER_KEY, issuer=RING.issuer, audience=RING.audience)

    assert access_tokens.read(turned, GOOD) == CLAIMS
    with pytest.raises(AccessTokenRefused):
        access_tokens.read(alone, GOOD)


@pytest.mark.parametrize("offset_s", [-3600, -61, 600, 601, 86400])
def test_a_token_counts_only_in_its_ten_minutes(offset_s: int) -> None:
    with pytest.raises(AccessTokenRefused):
        access_tokens.ensure_current(CLAIMS, now=NOW + timedelta(seconds=offset_s))


@pytest.mark.parametrize("offset_s", [-60, 0, 599])
def test_a_token_counts_in_all_of_its_ten_minutes(offset_s: int) -> None:
    access_tokens.ensure_current(CLAIMS, now=NOW + timedelta(seconds=offset_s))


def test_a_token_that_claims_a_longer_life_is_refused() -> None:
    claims = access_tokens.read(RING, forged(payload={"exp": PAYLOAD["exp"] + 1}))

    with pytest.raises(AccessTokenRefused):
        access_tokens.ensure_current(claims, now=NOW)


@given(st.data())
def test_a_token_with_any_character_changed_is_not_another_token(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(GOOD) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda found: found != GOOD[place]))
    changed = GOOD[:place] + other + GOOD[place + 1 :]

    try:
        read = access_tokens.read(RING, changed)
    except AccessTokenRefused:
        return
    # The last character of a base64 part has bits that mean nothing.
    assert read == CLAIMS
