"""Tables stand also with Chinese in them, and plain text stays plain."""

import io

from world.terminal import Paint, padded, table, width, wrapped


def test_a_chinese_character_takes_two_columns() -> None:
    assert width("同路 CRM") == 8
    assert padded("同路", 6) == "同路  "


def test_columns_stand_below_each_other() -> None:
    lines = table(("login", "name"), [("owner", "林晓"), ("高老板", "x")], Paint(io.StringIO()))

    assert lines == [
        "login   name",
        "──────  ────",
        "owner   林晓",
        "高老板  x",
    ]


def test_a_stream_that_is_no_terminal_gets_no_colours() -> None:
    assert Paint(io.StringIO()).bad("no") == "no"


def test_long_text_is_broken_between_its_parts() -> None:
    assert wrapped("one 1 · two 2 · three 3", 14) == ["one 1 · two 2", "three 3"]
