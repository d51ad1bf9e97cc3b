"""Bugs in what makes two customers one, and two again."""

from collections.abc import Sequence
from typing import Final

from world.simulation.mutants.mutant import Mutant

_MERGING: Final = "server.sync.merging"
_UNMERGING: Final = "server.sync.unmerging"
_ALIASES: Final = "server.sync.aliases"
_MERGED: Final = "world.simulation.merged"

MERGES: Final[Sequence[Mutant]] = (
    Mutant(
        "what the lesser half says otherwise is lost",
        "Of two values of merged customers one is gone.",
        f"{_MERGING}:_conflicts",
        "for name in mergeable(old, into)",
        "for name in ()",
        ("merges",),
    ),
    Mutant(
        "what the lesser half alone says is lost",
        "An empty field of the customer that stays is not filled from the other.",
        f"{_MERGING}:_filled",
        "for name in mergeable(old, into):",
        "for name in ():",
        ("merges",),
    ),
    Mutant(
        "remarks are not merged",
        "The remark of the lesser half is gone.",
        f"{_MERGING}:mergeable",
        "spec.policy in _BOTH",
        "spec.policy is Policy.KEEP_BOTH",
        ("merges",),
    ),
    Mutant(
        "tags of the lesser half are lost",
        "A tag that one of the two alone had is gone.",
        f"{_MERGING}:_filled",
        "set(old.fields.get(name) or ()) - held",
        "set[str]()",
        ("merges",),
    ),
    Mutant(
        "a merge forgets a company's own fields",
        "What the one of two customers says in a custom field is gone.",
        f"{_MERGING}:_specs",
        "for name in record.fields)",
        "for name in record.fields if name in SCHEMA.fields(_CUSTOMER))",
        ("merges",),
    ),
    Mutant(
        "what belonged to the lesser half stays with it",
        "Children of a merged customer are nobody's.",
        f"{_MERGING}:_belongings",
        "keys = await place.rows.belongings(actor, old.id)",
        "keys = []",
        ("merges",),
    ),
    Mutant(
        "edits of the lesser half are not led",
        "Who edits a merged customer offline brings it back, or writes where nobody looks.",
        f"{_ALIASES}:_led",
        'case Edit(kind="customer") if op.id in aliases:',
        'case Edit(kind="customer") if False:',
        ("merges",),
    ),
    Mutant(
        "edits that are led have seen everything",
        "Who edits a merged customer offline overwrites what the other one says.",
        f"{_ALIASES}:_led",
        "id=aliases[op.id], base=0",
        "id=aliases[op.id]",
        ("merges",),
    ),
    Mutant(
        "what was led counts as written here",
        "A text that a device wrote on the lesser half is replaced as its own on the other.",
        "sync_protocol.merge.write:Write._is_unlike",
        "return not is_seen and",
        "return False and",
        ("merges",),
    ),
    Mutant(
        "what is made for the lesser half is not led",
        "A child that was made offline for a merged customer is refused.",
        f"{_ALIASES}:_led",
        "case Create() if (parent := _parent(op.kind)) is not None:",
        "case Create() if (parent := None) is not None:",
        ("merges",),
    ),
    Mutant(
        "aliases are not shortened",
        "Who names the first of a chain of merged customers is led to the second.",
        f"{_MERGED}:_merged",
        "merge.into_id if into == merge.old_id else into",
        "into",
        ("merges",),
    ),
    Mutant(
        "what was moved does not come whole",
        "Devices that never saw the one get patches of what belonged to it.",
        f"{_MERGED}:_merged",
        "scope_seq=merge.seq",
        "scope_seq=row.scope_seq",
        ("merges",),
    ),
    Mutant(
        "who comes back is a patch",
        "A customer whose merge was taken back is missing on devices.",
        f"{_UNMERGING}:_back",
        "deleted=False, versions=versions",
        "deleted=False",
        ("merges",),
    ),
    Mutant(
        "what was moved does not go back",
        "Children of a customer whose merge was taken back stay with the other.",
        f"{_UNMERGING}:_returned",
        "**dict.fromkeys(names, old_id)",
        "",
        ("merges",),
    ),
    Mutant(
        "what goes back is dropped by nobody",
        "A device that sees the one alone keeps what belongs to the other again.",
        f"{_MERGED}:_led_back",
        "(*_moved_on(held, ids, merge.old_id), *left)",
        "_moved_on(held, ids, merge.old_id)",
        ("merges",),
    ),
)
"""All of merges."""
