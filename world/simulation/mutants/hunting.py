"""Plant a bug, play schedules with it, and take it out again."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType
from typing import Any, Final, cast

import msgspec

from world.simulation import plan, soak
from world.simulation.mutants.mutant import Mutant


class Caught(msgspec.Struct, frozen=True):
    """How a hunt ended."""

    name: str
    what: str
    is_found: bool
    schedules: int
    profile: str = ""
    seed: int = 0
    oracle: str = ""


class MutantOutdated(Exception):
    """The line that a mutant changes is not there any more."""


def hunt(mutant: Mutant, *, most: int, first: int = 0) -> Caught:
    """Play schedules with the bug until an oracle finds it."""
    with planted(mutant):
        for played in range(most):
            profile = mutant.profiles[played % len(mutant.profiles)]
            result = soak.play(plan.from_seed(first + played, profile=profile))
            if result.findings:
                return Caught(
                    name=mutant.name,
                    what=mutant.what,
                    is_found=True,
                    schedules=played + 1,
                    profile=profile,
                    seed=result.seed,
                    oracle=result.findings[0].oracle,
                )
    return Caught(mutant.name, mutant.what, is_found=False, schedules=most)


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """Let the function be wrong for a while."""
    function = function_of(mutant.target)
    right = function.__code__
    function.__code__ = _rewritten(mutant, function).__code__
    try:
        yield
    finally:
        function.__code__ = right


def function_of(target: str) -> FunctionType:
    """Find the function itself, under what decorates it."""
    module, _, path = target.partition(":")
    found: Any = import_module(module)
    for name in path.split("."):
        found = inspect.getattr_static(found, name, None)
        if found is None:
            raise MutantOutdated(f"There is no {target}.")
    if isinstance(found, property):
        found = found.fget
    return cast("FunctionType", inspect.unwrap(found))


_DEF: Final = re.compile(r"^(async )?def ", re.MULTILINE)


def _rewritten(mutant: Mutant, function: FunctionType) -> FunctionType:
    source = textwrap.dedent(inspect.getsource(function))
    # Decorators stay as they are: only the body is exchanged.
    source = source[cast("re.Match[str]", _DEF.search(source)).start() :]
    if mutant.before not in source:
        raise MutantOutdated(f"{mutant.name}: {mutant.target} has no {mutant.before!r}.")
    names: dict[str, Any] = {}
    # The function's own globals are used when it runs; these are for its annotations alone.
    changed = "from __future__ import annotations\n" + source.replace(
        mutant.before, mutant.after, 1
    )
    exec(compile(changed, mutant.name, "exec"), dict(function.__globals__), names)  # noqa: S102 - the source is the product's own, with one line changed
    return cast("FunctionType", names[function.__name__])
