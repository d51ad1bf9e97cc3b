"""Commands for a shell on the server: `tonglu staff` and `tonglu unseal-outbox`.

The first adds one of the platform's own people; the second opens what a wiped device left behind.
"""

import asyncio
import os
from pathlib import Path

import click

from server.access import Role
from server.identity import keys, service
from server.identity.rules import device_secrets
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


@click.command()
@click.argument("sealed", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("clear", type=click.Path(dir_okay=False, path_type=Path))
def unseal(sealed: Path, clear: Path) -> None:
    """Open the outbox that a wiped device SEALED, into the file CLEAR.

    Any device of the company takes it in: `tonglu-device outbox import CLEAR`.
    """
    held = keys.open_keys(from_environment(os.environ))
    try:
        content = device_secrets.unseal(sealed.read_bytes(), privates=held.outbox_seals)
    except Refusal as refusal:
        raise click.ClickException(refusal.detail) from refusal
    clear.touch(mode=0o600)
    clear.write_bytes(content)
    click.echo(f"{clear} holds what the device had not sent. Delete it when it is taken in.")
