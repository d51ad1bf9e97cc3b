"""The specification says what the code does: its examples, codes and fields are compared."""

import json
import re
from pathlib import Path

import pytest

from sync_protocol.messages import (
    MAX_GROUP,
    MAX_INTENTS,
    MAX_LEAF_ROWS,
    MAX_OPS,
    MAX_PULL_ROWS,
    MAX_RANGES,
    MAX_REQUEST_BYTES,
    Code,
    Status,
)
from sync_protocol.schema import SCHEMA, Policy
from sync_protocol.version import PROTOCOL_VERSION, SCHEMA_VERSION
from tests.sync_protocol.test_vectors import vectors

DOCUMENT = (Path(__file__).parents[2] / "docs/sync-protocol.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"<!-- vector: messages/(\w+) -->\n```json\n(.*?)\n```", DOCUMENT, re.DOTALL)


BYTES = re.findall(r"<!-- bytes: messages/(\w+) -->\n```text\n(.*?)\n```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize(("name", "shown"), BYTES)
def test_bytes_that_are_shown_are_the_golden_ones(name: str, shown: str) -> None:
    (golden,) = (case["msgpack"] for case in vectors("messages") if case["name"] == name)

    assert "".join(shown.split()) == golden


def test_every_golden_message_is_shown() -> None:
    assert sorted(name for name, _ in EXAMPLES) == sorted(
        case["name"] for case in vectors("messages")
    )
    assert DOCUMENT.count("```json") == len(EXAMPLES)


@pytest.mark.parametrize(("name", "shown"), EXAMPLES)
def test_an_example_is_the_golden_message(name: str, shown: str) -> None:
    (golden,) = (case["json"] for case in vectors("messages") if case["name"] == name)

    assert json.loads(shown) == golden


@pytest.mark.parametrize("word", [*Status, *Code, *Policy])
def test_every_outcome_and_policy_is_explained(word: str) -> None:
    assert re.search(rf"^\| `{word}` \| .+\. \|$", DOCUMENT, re.MULTILINE)


@pytest.mark.parametrize("kind", SCHEMA.kinds())
def test_every_field_is_listed(kind: str) -> None:
    section = DOCUMENT.partition(f"### {kind}\n")[2].partition("\n#")[0]

    listed = re.findall(r"^\| (\d+) \| `(\w+)` \| (\w+) \| (\w+) \|", section, re.MULTILINE)

    assert listed == [
        (str(field.number), field.name, field.type, field.policy)
        for field in SCHEMA.fields(kind).values()
    ]


def test_every_kind_has_its_number() -> None:
    listed = re.findall(r"^\| (\d+) \| `(\w+)` \|$", DOCUMENT, re.MULTILINE)

    assert dict(listed) == {
        str(SCHEMA.record(kind).number): kind for kind in sorted(SCHEMA.kinds())
    }


def test_the_limits_are_the_codes_own() -> None:
    assert f"up to {MAX_OPS} ops" in DOCUMENT
    assert f"{MAX_INTENTS} of them intents" in DOCUMENT
    assert f"a group has at most {MAX_GROUP}" in DOCUMENT
    assert f"at most {MAX_LEAF_ROWS} records there" in DOCUMENT
    assert f"at most {MAX_RANGES} branches" in DOCUMENT
    assert f"has at most, 1 to\n{MAX_PULL_ROWS:,}" in DOCUMENT
    assert f"protocol {PROTOCOL_VERSION}, schema {SCHEMA_VERSION}." in DOCUMENT
    assert f"{MAX_REQUEST_BYTES:,} bytes" in DOCUMENT
