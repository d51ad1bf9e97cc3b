"""`tonglu unlock`: an operator lets a login name be tried again."""

import asyncio
import os

import click

from server import supervisor
from server.identity import keys, service
from server.kit import clock, db
from server.settings import Settings, from_environment


@click.command()
@click.argument("login")
def command(*, login: str) -> None:
    """Let LOGIN sign in at once, though it was tried too often with wrong passwords.

    Leaves a line in the company's trail. Uses DATABASE_URL; without it, the embedded PostgreSQL.
    """
    with supervisor.database(os.environ) as environ:
        is_known = asyncio.run(_unlock(from_environment(environ), login))
    if not is_known:
        raise click.ClickException(f"Nobody signs in as {login}; look for a misprint.")
    click.echo(f"{login} may be tried again at once.")


async def _unlock(settings: Settings, login: str) -> bool:
    """Unlock the name on a database that is open just for this."""
    keys.open_keys(settings)
    await db.open_database(settings)
    try:
        return await service.unlock(login, now=clock.now())
    finally:
        await db.close_database()
