"""The command `tonglu`: subcommands are entry points, so nothing above the server is imported."""

from importlib.metadata import EntryPoint, entry_points
from typing import Final

import click
from typing_extensions import override

_GROUP: Final = "tonglu.commands"
_SENTENCE_MAX: Final = 500
"""Characters of what is said of a subcommand: its first sentence, on as many lines as it takes."""


class Subcommands(click.Group):
    """Finds subcommands by entry point and imports only the one that is asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every installed subcommand."""
        return sorted(_installed())

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the subcommand that is asked for."""
        point = _installed().get(cmd_name)
        if point is None:
            return None
        command = point.load()
        assert isinstance(command, click.Command), f"{point.value} is a click command"
        return command

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List what each subcommand does; for that alone all of them are imported."""
        lines = [
            (name, command.get_short_help_str(limit=_SENTENCE_MAX))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None
        ]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


def _installed() -> dict[str, EntryPoint]:
    """Read the installed entry points."""
    return {point.name: point for point in entry_points(group=_GROUP)}


@click.command(cls=Subcommands)
@click.version_option(package_name="tonglu", prog_name="tonglu")
def main() -> None:
    """Tonglu (同路): a CRM for channel agents whose reps work offline."""


if __name__ == "__main__":
    main(prog_name="tonglu")
