"""The roles and the database, as SQL that may be run again at any time.

The owner migrates; the application owns nothing and cannot bypass row-level security; platform and
job are put on for one transaction; backup alone sees every row, and nobody logs in with it until an
operator says so.
"""

import secrets
from typing import Final

import asyncpg
import msgspec

DATABASE: Final = "tonglu"

_ROLES: Final = {
    "tonglu_owner": "LOGIN",
    "tonglu_app": "LOGIN NOINHERIT",
    "tonglu_platform": "NOLOGIN",
    "tonglu_job": "NOLOGIN",
    "tonglu_backup": "NOLOGIN BYPASSRLS",
}
# Timeouts hang on the role, so that a pooler or a person with psql cannot forget them. The start-up
# self-check looks whether they are there.
APPLICATION_DEFAULTS: Final = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
    # What is slow or fails is logged with its statement, never with what was written: parameters,
    # and the details of an error, are customers' names and phones.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}


class Passwords(msgspec.Struct, frozen=True):
    """The secrets of a cluster: its superuser and the two roles that log in."""

    superuser: str
    owner: str
    app: str

    @classmethod
    def generated(cls) -> "Passwords":
        """Make passwords that nobody needs to remember."""
        return cls(*(secrets.token_urlsafe(24) for _ in range(3)))


def role_statements(passwords: Passwords) -> list[str]:
    """Write what makes the cluster's roles; run by a superuser in any database."""
    made = [
        f"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') "
        f"THEN CREATE ROLE {role} {attributes}; END IF; END $$"
        for role, attributes in _ROLES.items()
    ]
    return [
        *made,
        f"ALTER ROLE tonglu_owner PASSWORD {_literal(passwords.owner)}",
        f"ALTER ROLE tonglu_app PASSWORD {_literal(passwords.app)}",
        "GRANT tonglu_platform, tonglu_job TO tonglu_app",
        "GRANT pg_read_all_data TO tonglu_backup",
        *(
            f"ALTER ROLE tonglu_app SET {name} = '{value}'"
            for name, value in APPLICATION_DEFAULTS.items()
        ),
        "ALTER ROLE tonglu_owner SET timezone = 'UTC'",
    ]


def create_database_statement(database: str) -> str:
    """Write what makes an empty database of the owner; run by a superuser."""
    return (
        f"CREATE DATABASE {_identifier(database)} OWNER tonglu_owner TEMPLATE template0 "
        "ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8'"
    )


def database_statements(database: str) -> list[str]:
    """Write who may enter a database; run by a superuser inside it."""
    name = _identifier(database)
    return [
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO tonglu_app, tonglu_backup",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO tonglu_app, tonglu_platform, tonglu_job, tonglu_backup",
        "ALTER DEFAULT PRIVILEGES FOR ROLE tonglu_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    ]


async def bootstrap(
    superuser: "asyncpg.Connection[asyncpg.Record]",
    inside_url: str,
    passwords: Passwords,
    database: str = DATABASE,
) -> None:
    """Make the roles and the database where they are missing, and set the passwords.

    :param superuser: a superuser's connection to any database.
    :param inside_url: how the same superuser connects to `database`.
    """
    for statement in role_statements(passwords):
        await superuser.execute(statement)
    if not await superuser.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
        await superuser.execute(create_database_statement(database))
    inside = await asyncpg.connect(inside_url)
    try:
        for statement in database_statements(database):
            await inside.execute(statement)
    finally:
        await inside.close()


def _literal(text: str) -> str:
    """Quote a value; DDL takes no parameters."""
    assert "\\" not in text, "a password has no backslash"
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    """Quote a name; DDL takes no parameters."""
    return '"' + name.replace('"', '""') + '"'
