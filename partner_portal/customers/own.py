"""The company's own fields in the forms of a customer: what was given, and what it means."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from partner_portal import failures
from partner_portal.words import Catalogue
from server.customers.custom import texts
from server.customers.custom.texts import BadCustomValue
from sync_protocol.custom_fields import Definition
from sync_protocol.schema import CustomType

_AS_THEY_ARE: Final = frozenset({CustomType.CHOICE, CustomType.FLAG})


def given(form: Any, definitions: Sequence[Definition], prefix: str = "") -> dict[str, str]:
    """Read each field of a form as one text; several options are joined."""
    return {
        each.name: ";".join(sorted(map(str, form.getall(prefix + each.name, [])))).strip(";")
        for each in definitions
    }


def typed(definition: Definition, value: Any) -> str:
    """Write a value as the form of a customer gives it; the inverse of `read_all`."""
    if value is None:
        return ""
    if definition.type is CustomType.CHOICES:
        return ";".join(sorted(value))
    return str(value) if definition.type in _AS_THEY_ARE else texts.written(definition, value)


def read_all(
    touched: Mapping[str, str], definitions: Sequence[Definition], words: Catalogue
) -> tuple[dict[str, Any], dict[str, str]]:
    """Read what was given into each field; say of each that cannot be read why."""
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for each in definitions:
        if each.name not in touched:
            continue
        try:
            values[each.name] = texts.read(each, touched[each.name])
        except BadCustomValue as refusal:
            errors[each.name] = failures.sentence(words, refusal)
        if each.is_required and not touched[each.name].strip():
            errors[each.name] = words.say("form.required")
    return values, errors


def taken(given: Mapping[str, str], definitions: Sequence[Definition]) -> dict[str, Any]:
    """Read what was given into each field.

    :raises BadCustomValue: the first that is none.
    """
    return {each.name: texts.read(each, given[each.name]) for each in definitions}


def drawn(
    definitions: Sequence[Definition], given_: Mapping[str, str], language: str
) -> dict[str, Any]:
    """Give what a template needs to draw the inputs."""
    return {
        "own_fields": definitions,
        "offered": {
            each.name: offered(each, given_.get(each.name, ""), language) for each in definitions
        },
        "spoken": language,
    }


def said(definitions: Sequence[Definition], name: str, value: Any, language: str) -> str:
    """Say a value as a person reads it; of a field that is not there any more, as it lies there."""
    found = next((each for each in definitions if each.name == name), None)
    if found is None:
        return "" if value is None else str(value)
    written = texts.written(found, value, language=language)
    if found.type is CustomType.CHOICES:
        return written.replace(";", ", " if language == "en" else "\N{IDEOGRAPHIC COMMA}")
    return written


def offered(definition: Definition, chosen: str, language: str) -> list[tuple[str, str]]:
    """Give the options that a form offers: those in use, and what is chosen already."""
    return [
        (each.id, texts.options(definition, language)[each.id])
        for each in definition.options
        if not each.archived or each.id in chosen
    ]


def choices(definitions: Sequence[Definition], language: str) -> list[tuple[str, str]]:
    """Give by what a list is narrowed: each field and value that a person may choose."""
    found = []
    for each in definitions:
        values: list[Any] = [option.id for option in each.options if not option.archived]
        if each.type is CustomType.FLAG:
            values = [1, 0]
        for value in values:
            called = texts.written(each, value, language=language)
            found.append((f"{each.name}:{value}", f"{each.label(language)} · {called}"))
    return found
