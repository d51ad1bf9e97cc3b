"""What keeps the key of a store: a platform's keystore, or a file where there is none.

The data key of a store is random and never written in the clear. It lies, with the lease and the
tokens, in a record that a ``KeyKeeper`` has sealed. A keeper for Android's or Apple's keystore is
the same five calls; ``FileKeyKeeper`` is for machines that have none, and what it can and cannot
stop is said in docs/decisions/0011.
"""

import os
import threading
from collections.abc import Callable
from hashlib import scrypt
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Protocol

import msgspec

from mobile_client_sdk.store import StoreUnusable

try:
    import fcntl
except ImportError:  # pragma: no cover - a system without it
    fcntl = None  # type: ignore[assignment] # asked before each use

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_SALT_BYTES: Final = 16
_KEY_ID_BYTES: Final = 4
_VERSION: Final = 1
# About 60 ms and 32 MiB on a small machine: once at each opening.
_SCRYPT_N: Final = 2**15
_SCRYPT_R: Final = 8
_SCRYPT_P: Final = 1
_SCRYPT_BYTES_MAX: Final = 2**26

HAS_SEALS: Final = find_spec("cryptography") is not None
"""Whether anything can be sealed: the extra ``protected`` brings what it needs."""


class WrongKey(StoreUnusable):
    """The key, the passphrase or the keystore is not the one that the store was made with."""


class KeyMissing(StoreUnusable):
    """The store is encrypted and its key is not on this device."""


class KeyKeeper(Protocol):
    """A place that seals small things under a key which it does not give away."""

    def wrap(self, data: bytes, about: bytes) -> bytes:
        """Seal bytes; they open only with the same ``about``."""
        ...

    def unwrap(self, sealed: bytes, about: bytes) -> bytes:
        """Open what was sealed by any key that is still held.

        :raises WrongKey: if no key fits or the bytes were changed.
        """
        ...

    def turn_over(self) -> None:
        """Make a new key, which seals from now on; the earlier ones still open."""
        ...

    def forget_earlier(self) -> None:
        """Destroy all keys but the newest: what they sealed does not open any more."""
        ...

    def destroy(self) -> None:
        """Destroy all keys."""
        ...


class _Held(msgspec.Struct):
    """What the file of a keeper says: secrets, the newest last, and how a passphrase is used."""

    version: int
    secrets: list[bytes]
    salt: bytes | None = None
    """Of the passphrase; none where there is none."""


class FileKeyKeeper:
    """Keeps keys in a file that only its owner may read, beside a passphrase where one is given."""

    def __init__(
        self,
        path: str | Path,
        *,
        passphrase: str | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._path = Path(path)
        self._passphrase = passphrase
        self._random_bytes = random_bytes
        self._stretched: bytes | None = None

    def wrap(self, data: bytes, about: bytes) -> bytes:
        """Seal bytes; they open only with the same ``about``."""
        held = self._load()
        if held is None:
            held = self._begin()
        secret = held.secrets[-1]
        return secret[:_KEY_ID_BYTES] + seal(
            self._key(held, secret), data, about, self._random_bytes
        )

    def unwrap(self, sealed: bytes, about: bytes) -> bytes:
        """Open what was sealed by any key that is still held.

        :raises WrongKey: if no key fits or the bytes were changed.
        """
        held = self._load()
        if held is None:
            raise KeyMissing(f"The key of this store is not here ({self._path.name}).")
        for secret in held.secrets:
            if secret[:_KEY_ID_BYTES] == sealed[:_KEY_ID_BYTES]:
                return unseal(self._key(held, secret), sealed[_KEY_ID_BYTES:], about)
        raise WrongKey("The store was sealed by another key.")

    def turn_over(self) -> None:
        """Make a new key, which seals from now on; the earlier ones still open."""
        held = self._load()
        if held is not None:
            held.secrets.append(self._random_bytes(_KEY_ID_BYTES + _KEY_BYTES))
            self._save(held)

    def forget_earlier(self) -> None:
        """Destroy all keys but the newest: what they sealed does not open any more."""
        held = self._load()
        if held is not None:
            held.secrets = held.secrets[-1:]
            self._save(held)

    def destroy(self) -> None:
        """Destroy all keys."""
        destroy_file(self._path)

    def _begin(self) -> _Held:
        held = _Held(
            version=_VERSION,
            secrets=[self._random_bytes(_KEY_ID_BYTES + _KEY_BYTES)],
            salt=None if self._passphrase is None else self._random_bytes(_SALT_BYTES),
        )
        self._save(held)
        return held

    def _load(self) -> _Held | None:
        try:
            return msgspec.msgpack.decode(self._path.read_bytes(), type=_Held)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise WrongKey(f"{self._path.name} is not a key file.") from error

    def _save(self, held: _Held) -> None:
        write_durably(self._path, msgspec.msgpack.encode(held))

    def _key(self, held: _Held, secret: bytes) -> bytes:
        """Answer the key: the file's secret, and the passphrase where the store has one."""
        material = secret[_KEY_ID_BYTES:]
        if held.salt is None:
            return derive(material, b"keeper")
        if self._passphrase is None:
            raise WrongKey("This store needs its passphrase.")
        if self._stretched is None:
            self._stretched = stretch(self._passphrase, held.salt)
        return derive(material + self._stretched, b"keeper")


def stretch(passphrase: str, salt: bytes) -> bytes:
    """Make a key of a passphrase, slowly."""
    return scrypt(
        passphrase.encode(),
        salt=salt,
        n=_SCRYPT_N,
        r=_SCRYPT_R,
        p=_SCRYPT_P,
        maxmem=_SCRYPT_BYTES_MAX,
        dklen=_KEY_BYTES,
    )


def derive(material: bytes, purpose: bytes) -> bytes:
    """Make a key for one purpose."""
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415 - an extra

    info = b"tonglu device " + purpose
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(material)


def seal(
    key: bytes, data: bytes, about: bytes, random_bytes: Callable[[int], bytes] = os.urandom
) -> bytes:
    """Seal bytes with a key (AES-256-GCM): unreadable, and any change is noticed."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra

    nonce = random_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, about)


def unseal(key: bytes, sealed: bytes, about: bytes) -> bytes:
    """Open what ``seal`` has made.

    :raises WrongKey: if the key is another one or the bytes were changed.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra

    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
    except (InvalidTag, ValueError) as error:
        raise WrongKey("The key does not fit, or the bytes were changed.") from error


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read: after a crash it is the old or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    sync_folder(path.parent)


class Turns:
    """Lets those who change small files of a folder take turns: threads, and other processes.

    An inner one joins. Where the system has no such locks, threads alone take turns.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._depth = 0
        self._descriptor = -1

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1
        if self._depth == 1 and fcntl is not None:
            self._descriptor = os.open(self._folder, os.O_RDONLY)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0 and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._lock.release()


def destroy_file(path: Path) -> None:
    """Overwrite a small file and remove it; where it is not there, nothing is done."""
    try:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Let a new name in a folder be on the disk."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
