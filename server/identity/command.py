"""The command `tonglu staff`: add one of the platform's own people, from a shell on the server."""

import asyncio
import os

import click

from server.access import Role
from server.identity import service
from server.identity.schemas import NewUser
from server.kit import clock, db
from server.kit.errors import Refusal
from server.settings import Settings, from_environment

_ROLES = {"operator": Role.PLATFORM_OPERATOR, "finance": Role.PLATFORM_FINANCE}


@click.command()
@click.argument("login")
@click.option("--name", required=True, help="The person's name.")
@click.option("--role", type=click.Choice(sorted(_ROLES)), required=True)
@click.password_option(help="Asked for when it is left out.")
def command(*, login: str, name: str, role: str, password: str) -> None:
    """Add one of the platform's staff; the first one makes all the others possible."""
    person = NewUser(login=login, name=name, role=_ROLES[role])
    try:
        asyncio.run(_add(from_environment(os.environ), person, password))
    except Refusal as refusal:
        raise click.ClickException(refusal.detail) from refusal
    click.echo(f"{name} may now sign in as {login}.")


async def _add(settings: Settings, person: NewUser, password: str) -> None:
    """Add the person on a database that is open just for this."""
    await db.open_database(settings)
    try:
        await service.add_staff(person, password=password, now=clock.now())
    finally:
        await db.close_database()
