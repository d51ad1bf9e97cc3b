"""Do things with registrations and cases. Each function is one use case and one transaction."""

from server.registrations.service.asking import decide, register
from server.registrations.service.cases import (
    add_evidence,
    add_waiver,
    appeal,
    apply,
    bring,
    decide_due,
    forgo,
    hear,
    rule,
    show,
    waive,
)
from server.registrations.service.checking import check, watch
from server.registrations.service.house import (
    note_contact,
    register_house,
    release_house,
    tell_of_contact,
)
from server.registrations.service.mirroring import convert, give_back_deleted, mirror, warn
from server.registrations.service.rulebook import (
    lay_bait,
    propose_rules,
    set_terms,
    switch_rules_on,
    terms_now,
)

__all__ = [
    "add_evidence",
    "add_waiver",
    "appeal",
    "apply",
    "bring",
    "check",
    "convert",
    "decide",
    "decide_due",
    "forgo",
    "give_back_deleted",
    "hear",
    "lay_bait",
    "mirror",
    "note_contact",
    "propose_rules",
    "register",
    "register_house",
    "release_house",
    "rule",
    "set_terms",
    "show",
    "switch_rules_on",
    "tell_of_contact",
    "terms_now",
    "waive",
    "warn",
    "watch",
]
