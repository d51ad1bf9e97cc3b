"""How a handler receives the Actor that the authentication middleware made."""

from litestar.di import NamedDependency

from server.access.rules import Actor

CurrentActor = NamedDependency[Actor]
