"""`tonglu rebuild`: an operator makes a company anew from its takeout."""

import asyncio
import os
from pathlib import Path

import click

from server import supervisor
from server.access import PLATFORM_TENANT, Role, of_the_product
from server.attachments import place
from server.identity import keys
from server.identity import queries as people
from server.identity import service as identity
from server.identity.schemas import InvitationView
from server.kit import clock, db
from server.kit.errors import Refusal
from server.settings import Settings, from_environment
from server.takeout import service
from server.takeout.rules import Manifest


@click.command()
@click.argument("takeout", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(*, takeout: Path) -> None:
    """Rebuild the company of a TAKEOUT in this install, and invite its owner.

    All of it or nothing; counts and digests are proven. Uses DATABASE_URL; without it, the embedded
    PostgreSQL.
    """
    with supervisor.database(os.environ) as environ:
        try:
            manifest, invited = asyncio.run(_rebuild(from_environment(environ), takeout))
        except Refusal as refusal:
            raise click.ClickException(refusal.detail) from refusal
    rows = sum(file.rows for file in manifest.tables)
    click.echo(f"{manifest.company}: {rows} rows, {len(manifest.contents)} contents, all as told.")
    for invitation in invited:
        click.echo(f"An owner sets a password here: {invitation.uri}")


async def _rebuild(settings: Settings, takeout: Path) -> tuple[Manifest, list[InvitationView]]:
    """Rebuild on a database that is open just for this."""
    keys.open_keys(settings)
    place.open_place(settings)
    await db.open_database(settings)
    try:
        manifest = await service.rebuild(takeout, now=clock.now())
        return manifest, await _invite_owners(manifest)
    finally:
        await db.close_database()


async def _invite_owners(manifest: Manifest) -> list[InvitationView]:
    """Make one-time codes for the owners: nobody has a password yet."""
    operator = of_the_product(PLATFORM_TENANT, role=Role.PLATFORM_OPERATOR, name="tonglu rebuild")
    owner = of_the_product(manifest.tenant_id, role=Role.AGENT_OWNER, name="tonglu rebuild")
    page = await people.users(owner)
    return [
        await identity.invite_first_owner(operator, manifest.tenant_id, person.id, now=clock.now())
        for person in page.items
        if person.role is Role.AGENT_OWNER and person.disabled_at is None
    ]
