"""What of a registration's time waited for the platform, and not for a rival or for evidence. Pure.

The worker that takes in and decides is the platform's, as the arbitrator is: who was kept waiting
can see by which of them, and for how long.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

LEAST: Final = timedelta(minutes=15)
"""What is answered sooner was answered in the ordinary course of things, and is no wait."""


class Wait(StrEnum):
    """What was waited for."""

    ARRIVAL = "arrival"
    """To be taken into the registry, from when it was asked for."""
    WINDOW = "window"
    """To be decided, from the end of the settlement window."""
    CONTEST = "contest"
    """To have a case, from when the refusal was contested."""
    VERDICT = "verdict"
    """To have a verdict, from when evidence was closed or all had waived it."""
