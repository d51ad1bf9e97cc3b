"""`tonglu bootstrap` prepares a PostgreSQL that somebody else runs."""

import asyncio
import os
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import click

from server.embedded import roles
from server.embedded.roles import Passwords


@click.command()
@click.option(
    "--superuser-url", required=True, help="A superuser's address, to any database of the server."
)
@click.option("--database", default=roles.DATABASE, show_default=True, help="The database to make.")
@click.option(
    "--print-sql", is_flag=True, help="Print the SQL for an administrator instead of running it."
)
def bootstrap(superuser_url: str, database: str, print_sql: bool) -> None:  # noqa: FBT001 - click gives flags as booleans
    """Make Tonglu's roles and database on a PostgreSQL server; may be run again.

    Passwords come from TONGLU_OWNER_PASSWORD and TONGLU_APP_PASSWORD; what is not given is
    generated. The two addresses to keep are printed at the end.
    """
    made = Passwords.generated()
    passwords = Passwords(
        superuser="",
        owner=os.environ.get("TONGLU_OWNER_PASSWORD") or made.owner,
        app=os.environ.get("TONGLU_APP_PASSWORD") or made.app,
    )
    if print_sql:
        click.echo(as_script(passwords, database))
    else:
        asyncio.run(_run(superuser_url, passwords, database))
    app = as_user(superuser_url, "tonglu_app", passwords.app, database)
    owner = as_user(superuser_url, "tonglu_owner", passwords.owner, database)
    click.echo(f"# For serve and worker:\nDATABASE_URL={app}")
    click.echo(f"# For `tonglu migrate` alone:\nTONGLU_OWNER_DATABASE_URL={owner}")


def as_script(passwords: Passwords, database: str) -> str:
    """Write the same statements as a script for psql."""
    parts = [
        *(f"{statement};" for statement in roles.role_statements(passwords)),
        f"{roles.create_database_statement(database)};",
        f"\\connect {database}",
        *(f"{statement};" for statement in roles.database_statements(database)),
    ]
    return "\n".join(parts)


def as_user(url: str, user: str, password: str, database: str) -> str:
    """Change who connects, and to which database, in an address."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(
        parts._replace(netloc=f"{quote(user)}:{quote(password)}@{host}", path=f"/{quote(database)}")
    )


def in_database(url: str, database: str) -> str:
    """Change the database in an address."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database)}"))


async def _run(superuser_url: str, passwords: Passwords, database: str) -> None:
    """Run the statements on the server."""
    superuser = await asyncpg.connect(superuser_url)
    try:
        await roles.bootstrap(superuser, in_database(superuser_url, database), passwords, database)
    finally:
        await superuser.close()
