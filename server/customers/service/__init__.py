"""Do things with customers. Each function is one use case and one transaction.

Whatever is written is the same mutation that a phone would send, through the same changelog.
"""

from server.customers.service import charge
from server.customers.service.children import (
    add_along,
    add_contact,
    add_note,
    add_store,
    delete_contact,
    delete_store,
    edit_contact,
    edit_store,
    restore_contact,
    restore_store,
)
from server.customers.service.customers import (
    create,
    create_many,
    delete,
    edit,
    find_duplicates,
    note_assigned,
    restore,
)
from server.customers.service.statuses import lead
from server.customers.service.tags import create_tag, delete_tag, edit_tag, ensure_writes_tag
from server.customers.service.writing import ensure_sees

__all__ = [
    "add_along",
    "add_contact",
    "add_note",
    "add_store",
    "charge",
    "create",
    "create_many",
    "create_tag",
    "delete",
    "delete_contact",
    "delete_store",
    "delete_tag",
    "edit",
    "edit_contact",
    "edit_store",
    "edit_tag",
    "ensure_sees",
    "ensure_writes_tag",
    "find_duplicates",
    "lead",
    "note_assigned",
    "restore",
    "restore_contact",
    "restore_store",
]
