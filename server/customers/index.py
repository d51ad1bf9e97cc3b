"""Keep search keys in step with their records, in the transaction that writes them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from server.changelog.kinds import Written
from server.customers.rules import search
from server.customers.rules.search import Tokens
from server.kit import db

_SEPARATOR: Final = "\x1f"
"""Stands between values: neither keys nor ids have it. A column travels as one text, which costs
the driver a tenth of what an array does."""
_REMOVE: Final = r"""
DELETE FROM customer_token t
USING UNNEST(string_to_array($2, E'\x1f'), string_to_array($3, E'\x1f')::uuid[])
    AS u(token, record_id)
WHERE t.tenant_id = $1 AND t.token = u.token AND t.record_id = u.record_id
"""
_ADD: Final = r"""
INSERT INTO customer_token (tenant_id, token, record_id, customer_id, before)
SELECT $1, u.token, u.record_id, u.customer_id, coalesce(u.before, '')
FROM UNNEST(
    string_to_array($2, E'\x1f'),
    string_to_array($3, E'\x1f')::uuid[],
    string_to_array($4, E'\x1f', '')::uuid[],
    string_to_array($5, E'\x1f')
) AS u(token, record_id, customer_id, before)
ON CONFLICT DO NOTHING
"""

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
    return tokens


def child_tokens(fields: Mapping[str, Any]) -> Tokens:
    """Give the search keys that a contact or store lends to its customer."""
    return search.child_tokens(fields["name"], fields["phone"])


async def of_customers(tenant_id: UUID, written: Sequence[Written]) -> None:
    """Bring the keys of customers up to date."""
    await _bring_up_to_date(tenant_id, written, customer_tokens, is_child=False)


async def of_children(tenant_id: UUID, written: Sequence[Written]) -> None:
    """Bring the keys of contacts or stores up to date."""
    await _bring_up_to_date(tenant_id, written, child_tokens, is_child=True)


async def _bring_up_to_date(
    tenant_id: UUID, written: Iterable[Written], tokens_of: _TokensOf, *, is_child: bool
) -> None:
    """Remove what no longer holds and add what does: two statements at most."""
    removed: list[_Row] = []
    added: list[_Row] = []
    for each in written:
        record_id = str(each.id)
        customer_id = each.after["customer_id"] if is_child else ""
        before = tokens_of(each.before) if each.before else {}
        after = {} if each.deleted else tokens_of(each.after)
        if before == after:
            continue
        removed += [
            (token, record_id, customer_id, mark)
            for token, mark in before.items()
            if after.get(token) != mark
        ]
        added += [
            (token, record_id, customer_id, mark)
            for token, mark in after.items()
            if before.get(token) != mark
        ]
    if removed:
        tokens, records, *_ = zip(*removed, strict=True)
        await db.connection().execute(
            _REMOVE, tenant_id, _SEPARATOR.join(tokens), _SEPARATOR.join(records)
        )
    if added:
        # In the order of the index, so that a bulk load touches each of its pages once.
        added.sort()
        tokens, records, customers, marks = zip(*added, strict=True)
        await db.connection().execute(
            _ADD,
            tenant_id,
            _SEPARATOR.join(tokens),
            _SEPARATOR.join(records),
            _SEPARATOR.join(customers),
            _SEPARATOR.join(marks),
        )
