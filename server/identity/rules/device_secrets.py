"""What a device is lent and what it may leave behind: its share of a key, and the seal of words.

A device's store opens with a key of which the server holds a share. The device has it while its
lease lasts and gets it again at its next contact; a device that was taken away never does. The
share is the person's, so somebody who enrols anew opens the store of before.

What a device had not sent when it was locked or wiped is sealed for the server alone: X25519 with
the server's public key, HKDF-SHA256, AES-256-GCM. `mobile_client_sdk.backup` writes such files.
"""

import hmac
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.kit.errors import Invalid

_FORMAT: Final = "tonglu-outbox"
_NONCE_BYTES: Final = 12
_INFO: Final = b"tonglu device sealed backup"


class SealedOutboxUnreadable(Invalid):
    """The file is damaged, is no sealed outbox, or was sealed for another server."""

    code = "sealed_outbox_unreadable"


class _Head(msgspec.Struct):
    """The first line of the file, as far as it is needed to open the rest."""

    format: str
    version: int
    sealed: str
    device_id: str
    tenant_id: str
    user_id: str
    digest: str
    salt: bytes


def shares(macs: Sequence[bytes], *, tenant_id: UUID, user_id: UUID) -> tuple[bytes, ...]:
    """Derive a person's shares, under the newest key first."""
    message = b"tonglu lease share\0" + tenant_id.bytes + user_id.bytes
    return tuple(hmac.digest(key, message, "sha256") for key in macs)


def seal_key(private: bytes) -> bytes:
    """Give the public key that devices seal with."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def unseal(content: bytes, *, privates: Sequence[bytes]) -> bytes:
    """Open a sealed outbox and give the same file in the clear, which any device can take in.

    :raises SealedOutboxUnreadable: when it is none, is damaged, or is another server's.
    """
    first, _, body = content.partition(b"\n")
    try:
        head, about = msgspec.json.decode(first, type=_Head), msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SealedOutboxUnreadable("This is not a sealed outbox.") from error
    if (head.format, head.version, head.sealed) != (_FORMAT, 1, "server"):
        raise SealedOutboxUnreadable("This is not an outbox that was sealed for a server.")
    for private in privates:
        words = _opened(head, body, private)
        if words is not None:
            return _in_the_clear(about, words)
    raise SealedOutboxUnreadable("It is damaged, or was sealed for another server.")


def _opened(head: _Head, body: bytes, private: bytes) -> bytes | None:
    mine = X25519PrivateKey.from_private_bytes(private)
    bound_to = [_FORMAT, head.device_id, head.tenant_id, head.user_id, head.salt]
    try:
        shared = mine.exchange(X25519PublicKey.from_public_bytes(head.salt))
        material = shared + head.salt + mine.public_key().public_bytes_raw()
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(material)
        nonce, sealed = body[:_NONCE_BYTES], body[_NONCE_BYTES:]
        return AESGCM(key).decrypt(nonce, sealed, msgspec.json.encode(bound_to))
    except (InvalidTag, ValueError):
        return None


def _in_the_clear(head: dict[str, Any], words: bytes) -> bytes:
    digest = blake2b(words, digest_size=16).hexdigest()
    clear = {**head, "sealed": "none", "digest": digest, "salt": None}
    return msgspec.json.encode(clear) + b"\n" + words
