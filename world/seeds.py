"""A range of seeds on a command line, and how far it is."""

import sys

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


def tell_progress(done: int, seeds: range, *, is_json: bool) -> None:
    """Tell on a terminal how many of the seeds are done; JSON stands alone."""
    if not is_json and sys.stderr.isatty():
        click.echo(f"\r{done:,} of {len(seeds):,}", err=True, nl=False)
