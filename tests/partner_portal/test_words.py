"""Every word of every page stands in both catalogues, and no language hides in a template."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import billing
import partner_portal
import server
from billing.errors import BillingRefusal
from partner_portal import failures
from partner_portal.words import Catalogue, Language, catalogue, preferred
from server import app
from server.imports import targets
from server.kit import errors
from server.problems import STATUS
from sync_protocol.schema import SCHEMA

PORTAL = Path(partner_portal.__file__).parent
TEMPLATES = sorted(PORTAL.rglob("*.html"))
SOURCES = sorted(path for path in PORTAL.rglob("*.py") if "gallery" not in path.parts)
SCRIPTS = sorted((PORTAL / "static" / "js").glob("*.js"))

_ASKED = re.compile(r"\b(?:t|say)\(\s*[\"'](?P<key>[a-z0-9_.]+)[\"'](?P<open>\s*~)?")
_KEY = re.compile(r"[\"']([a-z0-9_]+\.[a-z0-9_.]*)[\"'{]")
_HOLE = re.compile(r"\{(\w+)\}")
_HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")


def _texts() -> dict[Path, str]:
    """Read everything that may ask for words."""
    return {path: _spoken(path) for path in [*TEMPLATES, *PORTAL.rglob("*.py")]}


def _spoken(path: Path) -> str:
    """Read a file without its docstrings and comments: those are for the project's people."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        text = re.sub(r'""".*?"""|#[^\n]*', "", text, flags=re.DOTALL)
    return text


def test_both_catalogues_have_the_same_keys_with_the_same_holes() -> None:
    chinese, english = (catalogue(language).sentences for language in Language)

    assert chinese.keys() == english.keys()
    for key in chinese:
        holes = {frozenset(_HOLE.findall(form)) for form in (*chinese[key], *english[key])}
        assert len(holes) == 1, key


@pytest.mark.parametrize("name", ["zh_CN", "en"])
def test_no_key_says_two_things(name: str) -> None:
    text = (PORTAL / "catalogues" / f"{name}.po").read_text("utf-8")
    keys = re.findall(r'^msgid "(.+)"$', text, re.MULTILINE)

    assert sorted(keys) == sorted(set(keys))


def test_nothing_is_left_unsaid() -> None:
    for language in Language:
        empty = [key for key, forms in catalogue(language).sentences.items() if not all(forms)]
        assert empty == []


def test_every_key_that_a_page_asks_for_exists() -> None:
    known = catalogue(Language.CHINESE).sentences.keys()

    missing = [
        f"{path.name}: {key}"
        for path, text in _texts().items()
        for key, is_prefix in _ASKED.findall(text)
        if (not any(name.startswith(key) for name in known) if is_prefix else key not in known)
    ]

    assert missing == []


@pytest.mark.parametrize("language", Language)
def test_whatever_rows_become_has_the_words_of_its_import(language: Language) -> None:
    assert app, "its rooms register what rows become"
    words = catalogue(language)
    wanted = {
        f"imports.{said}.{target.name}"
        for target in targets.registered()
        for said in ("target", "see", "check_columns", "here_already", "doubles", "doubles_note")
    }
    columns = {
        f"{target.name}.{field}"
        for target in targets.registered()
        for field in target.vocabulary.names
    }
    assert {"customers.name", "custom_records.title", "leads.need", "prices.book"} <= columns

    assert {key for key in wanted if not words.has(key)} == set()
    assert {key for key in columns if not has_column(words, *key.split("."))} == set()


def has_column(words: Catalogue, target: str, field: str) -> bool:
    """Say whether a column is called something, as of its target or as of all."""
    return words.has(f"column.{target}.{field}") or words.has(f"column.{field}")


def test_the_file_of_refused_rows_names_every_column_in_chinese() -> None:
    assert app, "its rooms register what rows become"
    unnamed = {
        f"{target.name}.{field}"
        for target in targets.registered()
        for field in target.vocabulary.names
        if not _HAN.search(target.columns_zh.get(field, ""))
    }

    assert unnamed == set()


@pytest.mark.parametrize("language", Language)
def test_whatever_happens_to_a_record_of_a_customer_has_its_words(language: Language) -> None:
    words = catalogue(language).sentences
    of_customers = [spec.kind for spec in SCHEMA.records if spec.parent or spec.kind == "customer"]
    told = {
        f"history.{kind}.{action}"
        for kind in of_customers
        for action in ("create", "edit", "delete", "restore")
    }

    moved = {f"kind.{spec.kind}" for spec in SCHEMA.records if spec.parent}
    assert (told | moved) - set(words) == set()


def test_every_key_is_asked_for_by_some_page() -> None:
    asked = {key for text in _texts().values() for key in _KEY.findall(text)}
    prefixes = tuple(key for key in asked if key.endswith("."))
    scripts = "".join(path.read_text(encoding="utf-8") for path in SCRIPTS)

    unused = [
        key
        for key in catalogue(Language.CHINESE).sentences
        if key not in asked
        and not key.startswith(prefixes)
        and f'say("{key.removeprefix("js.")}")' not in scripts
    ]

    assert unused == []


@pytest.mark.parametrize("path", [*TEMPLATES, *SCRIPTS, *SOURCES], ids=lambda path: path.name)
def test_no_language_hides_in_a_page(path: Path) -> None:
    assert _HAN.findall(_spoken(path)) == []


@pytest.mark.parametrize("kind", list(STATUS), ids=lambda kind: kind.__name__)
def test_every_kind_of_refusal_is_said_in_both_languages(kind: type[errors.Refusal]) -> None:
    class NewlyInvented(kind):  # type: ignore[misc, valid-type] # any kind may get a new refusal
        code = "newly_invented"

    said = {
        failures.sentence(catalogue(language), NewlyInvented("As only programs say it."))
        for language in Language
    }

    assert len(said) == 2
    assert "As only programs say it." not in said


FOR_PROGRAMS_ALONE = (
    "server.attachments.",  # Phones keep photos and files; no page takes one in or shows one.
    "server.sync.routes",  # What only a body of the sync protocol can be.
    "server.sync.rules",  # Devices alone push and pull.
    "server.identity.edge",  # A bearer token never counts on a page.
    "server.identity.rules.device_secrets",  # An operator's shell opens a sealed outbox.
    "server.identity.rules.protection",  # Of a device's store.
    "server.identity.rules.refresh_tokens",  # Pages have a session.
)
"""Modules whose refusals no page meets, and why."""


def test_every_refusal_that_a_page_may_meet_has_words_of_its_own() -> None:
    """The words of its kind alone ("This does not fit") do not say what to do."""
    for found in pkgutil.walk_packages(server.__path__, "server."):
        if "migrations" not in found.name and not found.name.endswith("piccolo_conf"):
            importlib.import_module(found.name)
    ours = {kind for kind in _below(errors.Refusal) if kind.__module__.startswith("server.")}
    assert len(ours) > 150

    for language in Language:
        words = catalogue(language)
        unsaid = {
            f"{kind.__module__}: {kind.code}"
            for kind in ours
            if not words.has(f"refusal.{kind.code}")
            and not kind.__module__.startswith(FOR_PROGRAMS_ALONE)
        }
        assert unsaid == set()


def test_every_refusal_of_the_books_has_words_of_its_own() -> None:
    """The books say theirs in English, which no Chinese page may show."""
    for module in pkgutil.walk_packages(billing.__path__, "billing."):
        if "migrations" not in module.name:
            importlib.import_module(module.name)
    ours = {
        kind.code
        for kind in _below(BillingRefusal)
        if kind.__module__.startswith(("billing.", "server."))
    }
    assert len(ours) > 100

    for language in Language:
        assert {code for code in ours if not catalogue(language).has(f"refusal.{code}")} == set()


def _below(kind: type[Any]) -> set[type[Any]]:
    """Give all refusals of a kind."""
    found = set(kind.__subclasses__())
    return found.union(*map(_below, found))


def test_the_plural_follows_the_number() -> None:
    english, chinese = catalogue(Language.ENGLISH), catalogue(Language.CHINESE)

    assert english.say("ago.hours", n=1) == "1 hour ago"
    assert english.say("ago.hours", n=3) == "3 hours ago"
    assert chinese.say("ago.hours", n=3) == "3 小时前"


@pytest.mark.parametrize(
    ("chosen", "accepted", "spoken"),
    [
        (None, "", Language.CHINESE),
        (None, "fr-FR, en;q=0.8", Language.ENGLISH),
        (None, "zh-TW, en;q=0.8", Language.CHINESE),
        ("en", "zh-CN", Language.ENGLISH),
        ("tlh", "en", Language.ENGLISH),
    ],
)
def test_the_chosen_language_wins_over_the_browsers(
    chosen: str | None, accepted: str, spoken: Language
) -> None:
    assert preferred(chosen, accepted) is spoken
