"""Logs: only listed fields, no messages of exceptions, nothing that looks like a person."""

import ast
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import structlog

from server.kit import logs
from tests.postgres import ROOT

PHONE = "13812345678"
NAME = "王小明"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is written from now on."""
    stream = io.StringIO()
    logs.configure(level="INFO", stream=stream)
    yield stream
    logs.configure(level="WARNING")


def test_a_line_is_one_json_object(written: io.StringIO) -> None:
    structlog.get_logger().info("device.revoked", device_id="d1", count=3)

    line = msgspec.json.decode(written.getvalue())

    assert line["event"] == "device.revoked"
    assert line["level"] == "info"
    assert (line["device_id"], line["count"]) == ("d1", 3)


def test_a_field_that_is_not_listed_is_dropped(written: io.StringIO) -> None:
    structlog.get_logger().info("customer.created", name=NAME, phone=PHONE, body={"x": PHONE})

    assert NAME not in written.getvalue()
    assert PHONE not in written.getvalue()


@pytest.mark.parametrize(
    "number",
    [PHONE, "+86 138 1234 5678", "138-1234-5678", "8613812345678", "11010519491231002X",
     "110105194912310021", "wang.xm@example.com"],
)  # fmt: skip
def test_what_looks_like_a_person_is_blanked(written: io.StringIO, number: str) -> None:
    structlog.get_logger().info("import.failed", path=f"/files/{number}", reason=f"of {number}")

    assert number not in written.getvalue()
    assert number not in logs.scrub(f"row of {number} is bad")


def test_words_of_people_are_removed(written: io.StringIO) -> None:
    structlog.get_logger().info("import.failed", reason=NAME, error="Mr Wang", code="row_invalid")

    line = msgspec.json.decode(written.getvalue())

    assert (line["reason"], line["error"]) == ("[removed]", "[removed]")
    assert line["code"] == "row_invalid"


@pytest.mark.parametrize("harmless", ["01a206a404297e74adcb69b7a7e7da78", "1234567", "2026-11-23"])
def test_ids_and_dates_are_left_alone(harmless: str) -> None:
    assert logs.scrub(harmless) == harmless


def test_an_exception_is_written_without_its_message(written: io.StringIO) -> None:
    try:
        int(f"{NAME} has {PHONE}")
    except ValueError as error:
        structlog.get_logger().error("request.failed", exc_info=error)

    line = msgspec.json.decode(written.getvalue())

    assert line["exception"]["type"] == "builtins.ValueError"
    assert "test_logs.py" in line["exception"]["frames"][-1]
    assert NAME not in written.getvalue()
    assert PHONE not in written.getvalue()


def test_another_library_is_written_without_its_text(written: io.StringIO) -> None:
    logging.getLogger("some.package").warning("cannot store %s %s", NAME, PHONE)

    line = msgspec.json.decode(written.getvalue())

    assert line["event"] == "library.warned"
    assert line["path"] == "some.package"
    assert NAME not in written.getvalue()


def test_the_level_is_kept(written: io.StringIO) -> None:
    logs.configure(level="WARNING", stream=written)
    structlog.get_logger().info("server.started")
    structlog.get_logger().warning("live.connection-lost")

    assert "server.started" not in written.getvalue()
    assert "live.connection-lost" in written.getvalue()


def _calls() -> Iterator[tuple[Path, ast.Call]]:
    """Find every log call of the product."""
    for package in ("server", "billing", "partner_portal"):
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Name)
                    and node.func.value.id in ("log", "logger")
                    and node.func.attr in ("debug", "info", "warning", "error", "exception")
                ):
                    yield file, node


def test_every_event_is_named_noun_and_past_verb() -> None:
    names = [
        (file.name, call.args[0].value)
        for file, call in _calls()
        if call.args and isinstance(call.args[0], ast.Constant)
    ]

    assert len(names) > 5
    assert [name for name in names if not logs.EVENT_NAME.match(str(name[1]))] == []
    assert [file.name for file, call in _calls() if not call.args] == []


def test_every_field_that_is_logged_is_on_the_list() -> None:
    unlisted = {
        f"{file.name}:{call.lineno} {keyword.arg}"
        for file, call in _calls()
        for keyword in call.keywords
        if keyword.arg not in logs.ALLOWED_FIELDS | {"exc_info"}
    }

    assert unlisted == set()
