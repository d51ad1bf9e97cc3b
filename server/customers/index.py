"""Keep search keys in step with their records, in the transaction that writes them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from server.changelog.kinds import Along, Written
from server.customers.rules import search
from server.customers.rules.search import Tokens
from sync_protocol.schema.custom import PREFIX

_SEPARATOR: Final = "\x1f"
"""Stands between values: neither keys nor ids have it. A column travels as one text, which costs
the driver a tenth of what an array does."""
_REMOVE: Final = r"""
DELETE FROM customer_token t
USING clock, UNNEST(string_to_array($1, E'\x1f'), string_to_array($2, E'\x1f')::uuid[])
    AS u(token, record_id)
WHERE t.tenant_id = clock.tenant_id AND t.token = u.token AND t.record_id = u.record_id
"""
_ADD: Final = r"""
INSERT INTO customer_token (tenant_id, token, record_id, customer_id, before)
SELECT clock.tenant_id, u.token, u.record_id, u.customer_id, coalesce(u.before, '')
FROM clock, UNNEST(
    string_to_array($1, E'\x1f'),
    string_to_array($2, E'\x1f')::uuid[],
    string_to_array($3, E'\x1f', '')::uuid[],
    string_to_array($4, E'\x1f')
) AS u(token, record_id, customer_id, before)
"""
_MARK: Final = r"""
UPDATE customer_token t SET customer_id = u.customer_id, before = coalesce(u.before, '')
FROM clock, UNNEST(
    string_to_array($1, E'\x1f'),
    string_to_array($2, E'\x1f')::uuid[],
    string_to_array($3, E'\x1f', '')::uuid[],
    string_to_array($4, E'\x1f')
) AS u(token, record_id, customer_id, before)
WHERE t.tenant_id = clock.tenant_id AND t.token = u.token AND t.record_id = u.record_id
"""
_OF_CUSTOMER: Final = ("name", "phone", "uscc", "city", "tags")
_OF_CHILD: Final = ("name", "phone")
_PARENT: Final = "customer_id"

_Row = tuple[str, str, str, str]
"""Token, record, customer (empty where it is the record itself), and the character before."""
_TokensOf = Callable[[Mapping[str, Any]], Tokens]


def customer_tokens(fields: Mapping[str, Any]) -> Tokens:
    """Give the search keys of a customer's fields, its tags among them."""
    tokens = search.customer_tokens(
        fields["name"], phone=fields["phone"], uscc=fields["uscc"], city=fields["city"]
    )
    for tag in fields["tags"] or ():
        tokens[search.tag_token(str(tag))] = ""
    return tokens | search.custom_tokens(fields)


def child_tokens(fields: Mapping[str, Any]) -> Tokens:
    """Give the search keys that a contact or store lends to its customer."""
    return search.child_tokens(fields["name"], fields["phone"]) | search.custom_tokens(fields)


def of_customers(written: Sequence[Written]) -> list[Along]:
    """Bring the keys of customers up to date."""
    searched = [each for each in written if _is_searched_anew(each, _OF_CUSTOMER)]
    return _brought_up_to_date(searched, customer_tokens, is_child=False)


def of_children(written: Sequence[Written]) -> list[Along]:
    """Bring the keys of contacts or stores up to date."""
    searched = [each for each in written if _is_searched_anew(each, _OF_CHILD)]
    return _brought_up_to_date(searched, child_tokens, is_child=True)


def titled_tokens(fields: Mapping[str, Any]) -> Tokens:
    """Give the search keys that a custom record lends to its customer: its title, its values."""
    return search.child_tokens(fields["title"], None) | search.custom_tokens(fields)


def of_titled(written: Sequence[Written]) -> list[Along]:
    """Bring the keys of custom records up to date."""
    searched = [each for each in written if _is_searched_anew(each, ("title",))]
    return _brought_up_to_date(searched, titled_tokens, is_child=True)


def of_others(written: Sequence[Written]) -> list[Along]:
    """Bring the keys of records up to date that are found by custom fields alone."""
    searched = [each for each in written if _is_searched_anew(each, ())]
    return _brought_up_to_date(searched, search.custom_tokens, is_child=True)


def _is_searched_anew(written: Written, fields: Sequence[str]) -> bool:
    """Say whether a record's keys may differ from those that it had; most edits touch none."""
    before, after = written.before, written.after
    if before is None or written.deleted or any(before[name] != after[name] for name in fields):
        return True
    if before.get(_PARENT) != after.get(_PARENT):
        return True
    customs = (name for name in after if name.startswith(PREFIX))
    return any(before.get(name) != after[name] for name in customs)


def _brought_up_to_date(
    written: Iterable[Written], tokens_of: _TokensOf, *, is_child: bool
) -> list[Along]:
    """Remove, mark anew and add keys: three statements at most."""
    removed: list[tuple[str, str]] = []
    marked: list[_Row] = []
    added: list[_Row] = []
    for each in written:
        record_id = str(each.id)
        customer_id = each.after[_PARENT] if is_child else ""
        before = tokens_of(each.before) if each.before else {}
        after = {} if each.deleted else tokens_of(each.after)
        # A merge gives what belonged to the one to the other.
        has_moved = is_child and each.before and each.before[_PARENT] != customer_id
        if before == after and not has_moved:
            continue
        removed += [(token, record_id) for token in before if token not in after]
        for token, mark in after.items():
            if token not in before:
                added.append((token, record_id, customer_id, mark))
            elif has_moved or before[token] != mark:
                marked.append((token, record_id, customer_id, mark))
    # In the order of the index, so that a bulk load touches each of its pages once.
    added.sort()
    return [
        Along(statement, tuple(map(_SEPARATOR.join, zip(*rows, strict=True))))
        for statement, rows in ((_REMOVE, removed), (_MARK, marked), (_ADD, added))
        if rows
    ]
