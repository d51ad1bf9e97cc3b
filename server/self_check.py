"""Refuse to start where tenants would not be apart, or customers' data would leave the tables.

Looks at login, server, the login's settings and every table.
"""

from collections.abc import Iterable
from typing import Any, Final

import asyncpg
import structlog

from server.embedded import roles
from server.kit import db
from server.kit.global_tables import GLOBAL_TABLES

SERVER_VERSION_MIN: Final = 15

_LOGIN: Final = """
WITH becoming AS (
    SELECT oid, rolname::text AS name, rolsuper, rolbypassrls FROM pg_roles
    WHERE pg_has_role(session_user, oid, 'MEMBER') ORDER BY rolname
)
SELECT current_setting('server_version_num')::int / 10000 AS server_version,
       session_user::text AS login,
       current_setting('data_checksums') AS checksums,
       ARRAY(SELECT name FROM becoming WHERE rolsuper) AS superusers,
       ARRAY(SELECT name FROM becoming WHERE rolbypassrls) AS bypassing,
       ARRAY(SELECT name FROM becoming WHERE EXISTS (
           SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relowner = becoming.oid AND n.nspname = 'public')) AS owning
"""
_SETTINGS: Final = """
SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])
"""
_TABLES: Final = """
SELECT c.relname::text AS name, c.relkind::text AS kind,
       c.relrowsecurity AND c.relforcerowsecurity AS is_forced,
       EXISTS (
           SELECT FROM pg_attribute a
           WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
       ) AS has_tenant,
       EXISTS (
           SELECT FROM unnest(ARRAY['tonglu_app', 'tonglu_platform', 'tonglu_job']) AS role
           WHERE has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE')
       ) AS is_granted,
       (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive) AS policies,
       EXISTS (
           SELECT FROM pg_policy p
           WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd = '*'
             AND pg_get_expr(p.polqual, c.oid) = $1 AND pg_get_expr(p.polwithcheck, c.oid) = $1
       ) AS has_the_policy
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = 'public'
ORDER BY 1
"""
_POLICY: Final = (
    "(tenant_id = ( SELECT (current_setting('app.tenant_id'::text))::uuid AS current_setting))"
)
"""The one policy, as the server spells it back."""
_ORDINARY: Final = ("r", "p")
"""A table, or one in partitions."""

log = structlog.get_logger()


class UnsafeDatabase(RuntimeError):
    """The database would not keep the tenants apart; nothing is served on it."""

    def __init__(self, findings: Iterable[str]) -> None:
        self.findings = list(findings)
        super().__init__("The database is not safe to serve on.\n- " + "\n- ".join(self.findings))


async def ensure_safe() -> None:
    """Look at the login, the server and every table.

    :raises UnsafeDatabase: with a sentence for each finding that says what to do.
    """
    async with db.global_transaction():
        login = await db.connection().fetchrow(_LOGIN)
        assert login is not None, "a SELECT without FROM gives one row"
        findings = list(_about_login(login))
        try:
            tables = await db.connection().fetch(_TABLES, _POLICY)
        except asyncpg.UndefinedObjectError:
            tables = []
        findings += _about_tables(tables)
        # A login that is the wrong one has its own settings, which need no mending.
        if not findings:
            names = list(roles.APPLICATION_DEFAULTS)
            settings = await db.connection().fetch(_SETTINGS, names)
            findings += _about_settings(login["login"], settings)
    if findings:
        raise UnsafeDatabase(findings)
    if login["checksums"] != "on":
        log.warning("database.checksums-found-off")


def _about_login(login: Any) -> Iterable[str]:
    """Say what is wrong with the server and the login."""
    name = login["login"]
    if login["server_version"] < SERVER_VERSION_MIN:
        yield (
            f"The server is PostgreSQL {login['server_version']}; "
            f"use {SERVER_VERSION_MIN} or newer."
        )
    for role in login["superusers"]:
        yield f"The login {name} is, or can become, the superuser {role}; use the login tonglu_app."
    for role in login["bypassing"]:
        yield (
            f"The login {name} is, or can become, {role}, which bypasses row-level security; "
            "use the login tonglu_app."
        )
    if not login["superusers"]:
        for role in login["owning"]:
            yield (
                f"The login {name} is, or can become, {role}, which owns tables; "
                "only `tonglu migrate` may be the owner. Use the login tonglu_app."
            )


def _about_settings(login: str, settings: Iterable[Any]) -> Iterable[str]:
    """Say which settings of the login would let customers' data into the log, or calls hang."""
    held = {row["name"]: row["setting"] for row in settings}
    for name, wanted in roles.APPLICATION_DEFAULTS.items():
        is_limit, is_log = name.endswith("_timeout"), name.startswith("log_")
        if is_limit and held[name] == "0":
            danger = "nothing ends what hangs"
        elif is_log and held[name] != wanted:
            danger = "the database's log would hold customers' names and phones"
        else:
            continue
        yield (
            f"{name} is {held[name]} for the login {login}: {danger}. As a superuser run "
            f"`ALTER ROLE {login} SET {name} = '{wanted}'`, or set it for the whole server, and "
            "start again."
        )


def _about_tables(tables: list[asyncpg.Record]) -> list[str]:
    """Say which tables are not what they should be."""
    if not any(table["name"] == "tenant" for table in tables):
        return ["The tables are missing; run `tonglu migrate` first."]
    return [finding for table in tables if (finding := _about_table(table))]


def _about_table(table: Any) -> str | None:
    """Say what is wrong with one table, if anything is."""
    name = table["name"]
    if name in GLOBAL_TABLES:
        return None
    if not table["has_tenant"] or table["kind"] not in _ORDINARY:
        return _about_other(name, table["kind"]) if table["is_granted"] else None
    if not table["is_forced"]:
        return f"The table {name} lacks forced row-level security; run `tonglu migrate` again."
    if table["policies"] != 1 or not table["has_the_policy"]:
        return (
            f"The table {name} has {table['policies']} permissive policies, of which one must be "
            "that of server.kit.schema and none may be another."
        )
    return None


def _about_other(name: str, kind: str) -> str:
    """Say what is wrong with something that is no tenant's table but is open to the application."""
    if kind not in _ORDINARY:
        return f"{name} is a view or foreign table, which passes row-level security by; drop it."
    return f"The table {name} has no tenant_id and is not in server.kit.global_tables; add it."
