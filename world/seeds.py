"""A range of seeds on a command line."""

import click


class Seeds(click.ParamType):  # type: ignore[type-arg] # generic in the stubs of newer versions alone
    """A range of seeds, ``A:B``, or one seed."""

    name = "A:B"

    def convert(
        self, value: str | range, param: click.Parameter | None, ctx: click.Context | None
    ) -> range:
        """Read it."""
        if isinstance(value, range):
            return value
        first, colon, last = value.partition(":")
        try:
            return range(int(first), int(last) if colon else int(first) + 1)
        except ValueError:
            self.fail(f"{value} is not a range of seeds like 0:1000.", param, ctx)
