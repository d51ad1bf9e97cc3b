"""The command `tonglu`: it says what its subcommands do."""

from importlib.metadata import entry_points

from click.testing import CliRunner

from server.cli import main


def test_the_help_says_what_each_subcommand_does() -> None:
    shown = CliRunner().invoke(main, ["--help"], terminal_width=300).output

    for point in entry_points(group="tonglu.commands"):
        (line,) = [line for line in shown.splitlines() if line.split()[:1] == [point.name]]
        sentence = line.split(maxsplit=1)[1]
        assert sentence[0].isupper(), line
        assert point.value not in line


def test_the_help_breaks_its_lines_and_cuts_none() -> None:
    wide, narrow = (
        CliRunner().invoke(main, ["--help"], terminal_width=width).output.split()
        for width in (1000, 80)
    )

    assert narrow == wide
    assert not [word for word in narrow if word.endswith("...") and word != "[ARGS]..."]
