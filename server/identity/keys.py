"""The server's keys for tokens, all derived from its one root secret.

The secret comes from the settings; while there is none (development), it is made once and kept in
the data folder. `TONGLU_SECRET=new,old` turns the key over: the first signs, all are believed
until the old one is taken away.
"""

import os
import secrets
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.identity.rules import access_tokens
from server.settings import Settings

AUDIENCE: Final = "tonglu-api"
_FILE: Final = "identity.secret"
_LENGTH_MIN: Final = 32


class BadSecret(ValueError):
    """The root secret is too short to keep anything."""


class Keys(msgspec.Struct, frozen=True):
    """What signs and seals. Of `macs` the first makes, all are believed."""

    ring: access_tokens.KeyRing
    macs: tuple[bytes, ...]
    outbox_seals: tuple[bytes, ...]
    """Private keys that open what devices sealed for the server; devices seal with the first."""
    opt_outs: bytes
    """Hashes the phones that nobody may call; outlives every turn of the others."""
    registry: bytes
    """Hashes what end customers are registered by; outlives every turn of the others."""
    vouchers: bytes
    """Makes and hashes the codes of benefits; outlives every turn of the others."""
    books: Ed25519PrivateKey
    """Signs the heads of the books' log."""
    books_public: frozenset[str]
    """In hexadecimal digits, every key that heads may be signed with."""
    public_url: str
    is_secure: bool

    @property
    def mac(self) -> bytes:
        """The key of seals and stored hashes."""
        return self.macs[0]


_held: list[Keys] = []


def open_keys(settings: Settings) -> Keys:
    """Derive the keys of this process; call once at start-up, before the first request."""
    _held[:] = [derive(_roots(settings), settings)]
    return _held[0]


def current() -> Keys:
    """Give the keys of this process."""
    assert _held, "open_keys() is called at start-up"
    return _held[0]


def derive(roots: list[bytes], settings: Settings) -> Keys:
    """Derive everything from the roots, the newest first."""
    signing = [
        Ed25519PrivateKey.from_private_bytes(_expand(root, b"access token")) for root in roots
    ]
    books = [Ed25519PrivateKey.from_private_bytes(_expand(root, b"books")) for root in roots]
    return Keys(
        ring=access_tokens.key_ring(
            signing[0], earlier=tuple(signing[1:]), issuer=settings.public_url, audience=AUDIENCE
        ),
        macs=tuple(_expand(root, b"seal") for root in roots),
        outbox_seals=tuple(_expand(root, b"device outbox") for root in roots),
        opt_outs=_expand(settings.opt_out_key.encode() or roots[-1], b"opt-outs"),
        registry=_expand(settings.opt_out_key.encode() or roots[-1], b"registry"),
        vouchers=_expand(settings.opt_out_key.encode() or roots[-1], b"vouchers"),
        books=books[0],
        books_public=frozenset(key.public_key().public_bytes_raw().hex() for key in books),
        public_url=settings.public_url,
        is_secure=settings.is_secure,
    )


def _expand(root: bytes, purpose: bytes) -> bytes:
    """Derive 32 bytes for one purpose."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tonglu identity " + purpose)
    return kdf.derive(root)


def _roots(settings: Settings) -> list[bytes]:
    """Read the given secrets, or the one that this machine has made for itself."""
    given = [secret.strip().encode() for secret in settings.secret.split(",") if secret.strip()]
    roots = given or [_own(settings.data_dir)]
    if any(len(root) < _LENGTH_MIN for root in roots):
        raise BadSecret(f"TONGLU_SECRET needs {_LENGTH_MIN} random characters or more.")
    return roots


def _own(folder: Path) -> bytes:
    """Make the secret at the first start; of two processes that start at once, one makes it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / _FILE
    if not file.exists():
        draft = folder / f"{_FILE}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(_LENGTH_MIN))
        try:
            # A link, unlike a rename, never replaces what another process made first.
            os.link(draft, file)
        except FileExistsError:
            return file.read_bytes()
        finally:
            draft.unlink()
    return file.read_bytes()
