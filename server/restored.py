"""`tonglu restored`: an operator says that the database was restored from a backup."""

import asyncio
import os

import click

from server import supervisor
from server.kit import clock, db
from server.settings import Settings, from_environment
from server.sync import restoration


@click.command()
def command() -> None:
    """Say that the database was restored from a backup, before it is served again.

    Every device then starts again: it sends what it did and the backup does not hold, and takes a
    snapshot. Uses DATABASE_URL; without it, the embedded PostgreSQL.
    """
    with supervisor.database(os.environ) as environ:
        begun = asyncio.run(_begin(from_environment(environ)))
    click.echo(f"{begun} companies begin a new epoch; their devices send again what is missing.")


async def _begin(settings: Settings) -> int:
    """Begin the epochs on a database that is open just for this."""
    await db.open_database(settings)
    try:
        return await restoration.begin_epochs(found_by="operator", now=clock.now())
    finally:
        await db.close_database()
