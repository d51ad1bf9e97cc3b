"""What a planted bug is."""

import msgspec


class Mutant(msgspec.Struct, frozen=True):
    """One planted bug."""

    name: str
    what: str
    """What the product would do, in a sentence."""
    target: str
    """``module:function`` or ``module:class.function``."""
    before: str
    """The part of the source that is right."""
    after: str
    """What stands in its place."""
    profiles: tuple[str, ...] = ("network", "storm")
    """The kinds of trouble that are likely to show it."""
