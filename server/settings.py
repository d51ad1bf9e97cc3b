"""The environment, read once at the edge into one frozen value."""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

import msgspec

Network = IPv4Network | IPv6Network


class Environment(StrEnum):
    """Where the product runs."""

    DEVELOPMENT = "development"
    """A person's own machine: demo data, component gallery, generated keys."""
    TEST = "test"
    """The test suite."""
    PRODUCTION = "production"
    """Customers' data: keys must be given, cookies are Secure."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an operator may set. Durations end in `_s`, sizes in `_bytes`."""

    database_url: str
    """Login of the application (`tonglu_app`): owns nothing, cannot bypass row-level security."""
    owner_database_url: str | None = None
    """Login of the owner; used by `tonglu migrate` alone."""
    environment: Environment = Environment.DEVELOPMENT
    data_dir: Path = Path(".tonglu")
    """Where keys and the embedded database live when none are given."""
    public_url: str = "http://127.0.0.1:8800"
    """The address that people type; cookies are Secure when it is https."""
    secret: str = ""
    """Root of the server's keys (cursors, tokens, hashes); generated into `data_dir` when empty,
    required in production."""
    opt_out_key: str = ""
    """Makes the hashes of phones that nobody may call; never changed once it is in use. Empty
    derives it from the oldest secret."""
    sentry_dsn: str = ""
    log_level: str = "INFO"
    pool_size: int = 8
    """Connections to PostgreSQL of each web process."""
    pooler: bool = False
    """True when a transaction-mode pooler stands before PostgreSQL: no prepared statements are
    kept."""
    body_limit_bytes: int = 1_048_576
    """Largest request body; imports have their own limit."""
    user_rate_per_s: float = 50
    """Requests of one person on one device; four times as many at once."""
    tenant_rate_per_s: float = 400
    """Requests of one agent company, so that none takes the machine from the others."""
    drain_s: float = 25.0
    """How long a stopping process finishes what it has begun."""
    attachment_bytes: int = 20 * 1024 * 1024
    """Largest attachment."""
    attachment_pixels: int = 25_000_000
    """Largest picture, in pixels once it is unpacked."""
    attachment_quota_bytes: int = 20 * 1024**3
    """All attachments of one agent company."""
    s3_bucket: str = ""
    """Bucket for the contents of attachments; empty keeps them in `data_dir`."""
    s3_endpoint_url: str = ""
    """Address of a server that speaks S3; empty is that of AWS."""
    s3_public_url: str = ""
    """Address of the same server as phones reach it, where that is another one."""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    """Empty with the next one: boto3 looks for credentials where it always does."""
    s3_secret_key: str = ""
    notify_wecom: str = "wecombot://{address}"
    """Addresses of Apprise, by which notifications leave; `{address}` is what a person has given.
    ``off://`` sends nothing."""
    notify_dingtalk: str = "dingtalk://{address}"
    notify_feishu: str = "feishu://{address}"
    notify_email: str = "off://"
    trusted_proxies: str = ""
    """Networks of the operator's own proxies, with commas between; they alone are believed about
    whom they were called by."""

    @property
    def is_secure(self) -> bool:
        """Say whether people reach the product over TLS."""
        return self.public_url.startswith("https://")

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """Give the networks of the trusted proxies."""
        return networks(self.trusted_proxies)


_NAMES = {
    "database_url": "DATABASE_URL",
    "owner_database_url": "TONGLU_OWNER_DATABASE_URL",
    "environment": "TONGLU_ENVIRONMENT",
    "data_dir": "TONGLU_DATA_DIR",
    "public_url": "TONGLU_PUBLIC_URL",
    "secret": "TONGLU_SECRET",
    "opt_out_key": "TONGLU_OPT_OUT_KEY",
    "sentry_dsn": "SENTRY_DSN",
    "log_level": "TONGLU_LOG_LEVEL",
    "pool_size": "TONGLU_POOL_SIZE",
    "pooler": "TONGLU_PG_POOLER",
    "body_limit_bytes": "TONGLU_BODY_LIMIT_BYTES",
    "user_rate_per_s": "TONGLU_USER_RATE_PER_S",
    "tenant_rate_per_s": "TONGLU_TENANT_RATE_PER_S",
    "drain_s": "TONGLU_DRAIN_S",
    "attachment_bytes": "TONGLU_ATTACHMENT_BYTES",
    "attachment_pixels": "TONGLU_ATTACHMENT_PIXELS",
    "attachment_quota_bytes": "TONGLU_ATTACHMENT_QUOTA_BYTES",
    "s3_bucket": "TONGLU_S3_BUCKET",
    "s3_endpoint_url": "TONGLU_S3_ENDPOINT_URL",
    "s3_public_url": "TONGLU_S3_PUBLIC_URL",
    "s3_region": "TONGLU_S3_REGION",
    "s3_access_key": "TONGLU_S3_ACCESS_KEY",
    "s3_secret_key": "TONGLU_S3_SECRET_KEY",
    "notify_wecom": "TONGLU_NOTIFY_WECOM",
    "notify_dingtalk": "TONGLU_NOTIFY_DINGTALK",
    "notify_feishu": "TONGLU_NOTIFY_FEISHU",
    "notify_email": "TONGLU_NOTIFY_EMAIL",
    "trusted_proxies": "TONGLU_TRUSTED_PROXIES",
}


class BadSettings(ValueError):
    """A variable of the environment is missing or cannot be read."""


@lru_cache(maxsize=16)
def networks(text: str) -> tuple[Network, ...]:
    """Read networks with commas between.

    :raises BadSettings: one of them is none.
    """
    try:
        return tuple(ip_network(one.strip()) for one in text.split(",")) if text else ()
    except ValueError as error:
        raise BadSettings(f"TONGLU_TRUSTED_PROXIES cannot be read: {error}") from error


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read the settings from variables named in docs/operations/settings.md.

    :raises BadSettings: naming the variable at fault.
    """
    given = {field: environ[name] for field, name in _NAMES.items() if environ.get(name)}
    if "database_url" not in given:
        raise BadSettings(
            "DATABASE_URL is not set: start with `make demo`, or give a PostgreSQL login."
        )
    try:
        settings = msgspec.convert(given, Settings, strict=False, dec_hook=_decode)
    except msgspec.ValidationError as error:
        raise BadSettings(f"The environment cannot be read: {error}") from error
    if settings.environment is Environment.PRODUCTION and not settings.secret:
        raise BadSettings(
            "TONGLU_SECRET must be set in production (at least 32 random characters)."
        )
    networks(settings.trusted_proxies)
    return settings


def to_environment(settings: Settings) -> dict[str, str]:
    """Write settings as variables for a child process; the inverse of `from_environment`."""
    values = {field: getattr(settings, field) for field in _NAMES}
    return {
        _NAMES[field]: ("1" if value is True else "0" if value is False else str(value))
        for field, value in values.items()
        if value not in (None, "")
    }


def _decode(kind: type, value: object) -> object:
    """Read the one type that msgspec does not know."""
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(f"cannot read a setting of type {kind}")
