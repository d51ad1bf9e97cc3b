"""Bugs that are planted on purpose, one at a time: who watches must find each of them.

A mutant changes a line of a function while the process runs. It names the line; where the line is
no longer there, the hunt says so and fails, so that no mutant dies of old age.
"""

from collections.abc import Sequence
from typing import Final

from world.simulation.mutants.device import DEVICE
from world.simulation.mutants.digest import DIGEST
from world.simulation.mutants.hunting import hunt, planted
from world.simulation.mutants.merge import MERGE
from world.simulation.mutants.merges import MERGES
from world.simulation.mutants.mutant import Mutant
from world.simulation.mutants.orphans import ORPHANS
from world.simulation.mutants.service import SERVICE

__all__ = ["MUTANTS", "Mutant", "hunt", "planted"]

MUTANTS: Final[Sequence[Mutant]] = (*MERGE, *SERVICE, *DEVICE, *DIGEST, *ORPHANS, *MERGES)
"""All planted bugs."""
