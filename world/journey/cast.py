"""Who plays in a journey, with what: the people signed in, their files, their phones."""

import random
from contextlib import AsyncExitStack
from typing import Any

import msgspec

from server.kit import ids
from world.api import Api
from world.journey.stage import Stage
from world.model import Agent, Person, World
from world.people import instant
from world.spreadsheets import Spreadsheet


class Company(msgspec.Struct):
    """An agent company on board."""

    agent: Agent
    sheet: Spreadsheet
    people: dict[str, Api] = {}
    """By login, once signed in."""

    @property
    def owner(self) -> Api:
        """Give the owner's way to the server."""
        return self.people[self.agent.owner.login]

    def api(self, person: Person) -> Api:
        """Give a person's way to the server."""
        return self.people[person.login]


class Cast(msgspec.Struct):
    """Everything that one step leaves for the next."""

    stage: Stage
    seed: int
    world: World
    rng: random.Random
    password: str
    companies: list[Company]
    closing: AsyncExitStack
    operator: Api | None = None
    finance: Api | None = None
    left: dict[str, Any] = {}
    """What a step wants a later one to know, by name."""

    async def sign_in(self, login: str) -> Api:
        """Sign somebody in; the connection is closed at the end of the journey."""
        api = await Api.signed_in(self.stage.url, login, self.password)
        self.closing.push_async_callback(api.close)
        return api

    def new_id(self) -> str:
        """Make an id as a client does."""
        return str(ids.from_random(instant(self.world.today), self.rng))

    @property
    def staff(self) -> Api:
        """Give the platform operator's way to the server."""
        assert self.operator is not None, "the platform opens first"
        return self.operator
