"""What is not on the server yet, as a file: to carry to another device, or for support.

The first line is a head in JSON that says whose words these are and how many; what follows is the
content in JSON, plain or sealed. Everything in it has the id that it was made with, so taking a
file in twice, or after its device has synced after all, doubles nothing.
"""

import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from mobile_client_sdk.keys import HAS_SEALS, WrongKey, derive, seal, stretch, unseal, write_durably
from mobile_client_sdk.outbox import Outbox
from mobile_client_sdk.session import Session
from mobile_client_sdk.store import Store
from sync_protocol.messages import Op, Outcome

FORMAT: Final = "tonglu-outbox"
VERSION: Final = 1
_SALT_BYTES: Final = 16
_PUBLIC_BYTES: Final = 32
Sealed = Literal["none", "passphrase", "server"]


class BackupUnusable(Exception):
    """The file is not a whole backup, is of a newer version, or is not for this device."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody may know of a backup: ids and counts, no words."""

    format: str
    version: int
    sealed: Sealed
    device_id: str
    tenant_id: str
    user_id: str
    made_at_ms: int
    pending: int
    refused: int
    digest: str
    """Of what follows, so that a damaged file is noticed."""
    salt: bytes | None = None
    """Of the passphrase, or the sender's half of the server's seal."""


class KeptOp(msgspec.Struct, frozen=True):
    """An op that waits for the server."""

    epoch: int
    """The epoch that its base is of."""
    op: Op


class RefusedOp(msgspec.Struct, frozen=True):
    """An op that the server refused and nobody has looked at."""

    op: Op
    outcome: Outcome


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds."""

    pending: list[KeptOp]
    refused: list[RefusedOp]


class Import(msgspec.Struct, frozen=True, kw_only=True):
    """What came of taking a backup in."""

    added: int
    """Changes that wait for the next sync now."""
    known: int
    """Changes that were here already."""
    refused: list[RefusedOp]
    """What the server had refused to the other device; shown, and not sent again."""


def words_of(store: Store, outbox: Outbox) -> Words:
    """Read what the server has not settled, or has refused without anybody having looked."""
    rows = store.rows("SELECT body, epoch FROM outbox WHERE status IS NULL ORDER BY number")
    decode = msgspec.msgpack.Decoder(Op).decode
    return Words(
        pending=[KeptOp(epoch, decode(body)) for body, epoch in rows],
        refused=[
            RefusedOp(made.op, made.outcome)
            for made in outbox.refusals()
            if made.outcome is not None
        ],
    )


def write(
    path: Path,
    words: Words,
    session: Session,
    *,
    now_ms: int,
    passphrase: str | None = None,
    seal_key: bytes | None = None,
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> Head:
    """Write a backup durably: sealed for the server, by a passphrase, or readable by its finder."""
    if (passphrase is not None or seal_key is not None) and not HAS_SEALS:
        raise BackupUnusable("Nothing here can seal; install the extra `protected`.")
    body = msgspec.json.encode(words)
    sealed: Sealed = "none"
    key = salt = None
    if seal_key is not None:
        sealed = "server"
        salt, key = _sender_half(seal_key, random_bytes)
    elif passphrase is not None:
        sealed, salt = "passphrase", random_bytes(_SALT_BYTES)
        key = derive(stretch(passphrase, salt), b"backup")
    if key is not None:
        body = seal(key, body, _about(session, salt), random_bytes)
    head = Head(
        format=FORMAT,
        version=VERSION,
        sealed=sealed,
        device_id=session.device_id,
        tenant_id=session.tenant_id,
        user_id=session.user_id,
        made_at_ms=now_ms,
        pending=len(words.pending),
        refused=len(words.refused),
        digest=_digest(body),
        salt=salt,
    )
    write_durably(path, msgspec.json.encode(head) + b"\n" + body)
    return head


def read_head(path: Path) -> Head:
    """Read who a backup is of.

    :raises BackupUnusable: if it is not whole, or of a newer version.
    """
    return _parts(path)[0]


def read(
    path: Path, *, passphrase: str | None = None, server_key: bytes | None = None
) -> tuple[Head, Words]:
    """Read a backup; ``server_key`` is the private key that only the server has.

    :raises BackupUnusable: if it is not whole, of a newer version, or sealed for somebody else.
    """
    head, body = _parts(path)
    if head.sealed != "none":
        body = _opened(head, body, passphrase, server_key)
    try:
        return head, msgspec.json.decode(body, type=Words)
    except msgspec.DecodeError as error:
        raise BackupUnusable(f"{path.name} cannot be read: {error}") from error


def take_in(store: Store, outbox: Outbox, head: Head, words: Words, session: Session) -> Import:
    """Let the changes of a backup wait in this device's outbox, each once.

    :raises BackupUnusable: if they are of another company.
    """
    if head.tenant_id != session.tenant_id:
        raise BackupUnusable("This backup is of another company.")
    with store.transaction():
        place = f"imported:{head.device_id}"
        known = set(store.get(place) or ())
        if head.device_id == session.device_id:
            known |= _own(store, outbox, words)
        fresh = [kept for kept in words.pending if kept.op.number not in known]
        outbox.adopt([(kept.op, kept.epoch) for kept in fresh])
        store.put(place, sorted(known | {kept.op.number for kept in fresh}))
    return Import(
        added=len(fresh), known=len(words.pending) - len(fresh), refused=list(words.refused)
    )


def _own(store: Store, outbox: Outbox, words: Words) -> set[int]:
    """Answer which ops of a backup of this very device are here, or were and are settled."""
    made_to = outbox.next_number()
    encode = msgspec.msgpack.encode
    own = set()
    for kept in words.pending:
        number = kept.op.number
        row = store.row("SELECT body FROM outbox WHERE number = ?", (number,))
        if (row is None and number < made_to) or (row is not None and row[0] == encode(kept.op)):
            own.add(number)
    return own


def _parts(path: Path) -> tuple[Head, bytes]:
    first, _, body = path.read_bytes().partition(b"\n")
    try:
        about: Any = msgspec.json.decode(first)
        if about["format"] != FORMAT:
            raise BackupUnusable(f"{path.name} is not a backup.")
        if about["version"] > VERSION:
            raise BackupUnusable(f"{path.name} was written by a newer app.")
        head = msgspec.convert(about, Head)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BackupUnusable(f"{path.name} is not a backup.") from error
    if _digest(body) != head.digest:
        raise BackupUnusable(f"{path.name} is damaged.")
    return head, body


def _opened(head: Head, body: bytes, passphrase: str | None, server_key: bytes | None) -> bytes:
    salt = head.salt or b""
    if head.sealed == "server":
        if server_key is None:
            raise BackupUnusable("This backup is sealed for the server; only there it opens.")
        key = _receiver_half(server_key, salt)
    else:
        if passphrase is None:
            raise BackupUnusable("This backup needs its passphrase.")
        key = derive(stretch(passphrase, salt), b"backup")
    try:
        return unseal(key, body, _about(head, head.salt))
    except WrongKey as error:
        raise BackupUnusable("The passphrase or the key is another one.") from error


def _about(of: Head | Session, salt: bytes | None) -> bytes:
    """Bind the content to whose it is."""
    return msgspec.json.encode([FORMAT, of.device_id, of.tenant_id, of.user_id, salt])


def _digest(body: bytes) -> str:
    return blake2b(body, digest_size=16).hexdigest()


def _sender_half(public: bytes, random_bytes: Callable[[int], bytes]) -> tuple[bytes, bytes]:
    """Agree on a key with the holder of a public key; answer what they need, and the key."""
    from cryptography.hazmat.primitives.asymmetric import x25519  # noqa: PLC0415 - an extra

    mine = x25519.X25519PrivateKey.from_private_bytes(random_bytes(_PUBLIC_BYTES))
    shared = mine.exchange(x25519.X25519PublicKey.from_public_bytes(public))
    half = mine.public_key().public_bytes_raw()
    return half, derive(shared + half + public, b"sealed backup")


def _receiver_half(private: bytes, half: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import x25519  # noqa: PLC0415 - an extra

    own = x25519.X25519PrivateKey.from_private_bytes(private)
    shared = own.exchange(x25519.X25519PublicKey.from_public_bytes(half))
    public = own.public_key().public_bytes_raw()
    return derive(shared + half + public, b"sealed backup")
