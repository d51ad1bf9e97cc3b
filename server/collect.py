"""`tonglu collect`: throw away what no device needs any more."""

import asyncio
import os

import click

from server import supervisor
from server.kit import clock, db
from server.settings import Settings, from_environment
from server.sync import collection
from server.sync.collection import Collected


@click.command()
def command() -> None:
    """Throw away tombstones, scope exits and outcomes of ops that are older than 90 days.

    The worker does this every night, tenant by tenant; this does it now. Uses DATABASE_URL; without
    it, the embedded PostgreSQL.
    """
    with supervisor.database(os.environ) as environ:
        found = asyncio.run(_collect(from_environment(environ)))
    click.echo(f"{found.records} records, {found.exits} exits, {found.outcomes} outcomes.")


async def _collect(settings: Settings) -> Collected:
    """Collect on a database that is open just for this."""
    await db.open_database(settings)
    try:
        return await collection.collect_all(now=clock.now())
    finally:
        await db.close_database()
