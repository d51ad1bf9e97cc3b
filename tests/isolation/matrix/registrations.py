"""Routes of deal registration and the court."""

from typing import Final

from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import PLATFORM

_REGISTRATION: Final = {"path.registration_id": "registration"}


_DISPUTED: Final = {"path.registration_id": "disputed"}


API: Final[dict[Route, Case]] = {
    ("GET", "/v1/registrations"): Case(ids={"query.customer_id": "customer"}),
    ("GET", "/v1/registrations/wall"): Case(),
    ("GET", "/v1/registrations/terms"): Case(),
    ("GET", "/v1/registrations/rules"): Case(),
    ("POST", "/v1/registrations"): Case(
        ids={"body.customer_id": "unregistered"},
        new_ids=("body.id",),
        body=lambda company: {"customer_id": str(company.ids["unregistered"])},
        spends="body.customer_id",
    ),
    ("POST", "/v1/registrations/checks"): Case(body=lambda company: {"phone": company.phone()}),
    ("GET", "/v1/registrations/{registration_id}"): Case(ids=_REGISTRATION),
    ("POST", "/v1/registrations/{registration_id}/decisions"): Case(
        ids={**_REGISTRATION, "body.evidence.record_id": "contract"},
        new_ids=("body.id",),
        # It is not decided yet, so nothing is extended, whatever is shown.
        answers={"body.evidence.record_id": 409},
        body=lambda company: {
            "verb": "extend",
            "evidence": {"kind": "contract", "record_id": str(company.ids["contract"])},
        },
        succeeds=False,
    ),
    ("GET", "/v1/registrations/{registration_id}/case"): Case(ids=_DISPUTED),
    ("GET", "/v1/registrations/{registration_id}/evidence"): Case(ids=_DISPUTED),
    ("GET", "/v1/registrations/{registration_id}/waits"): Case(ids=_DISPUTED),
    # What is shown must be of the disputed customer, which has no contract.
    ("POST", "/v1/registrations/{registration_id}/evidence"): Case(
        ids={**_DISPUTED, "body.evidence.record_id": "contract"},
        new_ids=("body.id",),
        answers={"body.evidence.record_id": 422},
        body=lambda company: {
            "evidence": {"kind": "contract", "record_id": str(company.ids["contract"])}
        },
        succeeds=False,
    ),
    ("POST", "/v1/registrations/{registration_id}/waiver"): Case(ids=_DISPUTED),
    # Nobody has decided yet, so there is nothing to appeal.
    ("POST", "/v1/registrations/{registration_id}/appeal"): Case(
        ids=_DISPUTED, body=lambda company: {"reason": company.text("申诉")}, succeeds=False
    ),
    # The platform decides between its agents, whoever they are.
    ("GET", "/v1/platform/registrations/cases"): Case(role=PLATFORM),
    ("GET", "/v1/platform/registrations/cases/{case_id}"): Case(
        ids={"path.case_id": "registration_case"},
        answers={"path.case_id": 200},
        role=PLATFORM,
    ),
    ("POST", "/v1/platform/registrations/cases/{case_id}/word"): Case(
        ids={"path.case_id": "registration_case", "body.registration_id": "disputed"},
        # A party of another case is none of this one's.
        answers={"path.case_id": 422, "body.registration_id": 422},
        body=lambda company: {"registration_id": str(company.ids["disputed"])},
        role=PLATFORM,
    ),
    ("POST", "/v1/platform/registrations/cases/{case_id}/verdict"): Case(
        ids={"path.case_id": "registration_case", "body.winner_id": "disputed"},
        answers={"path.case_id": 422, "body.winner_id": 422},
        body=lambda company: {
            "winner_id": str(company.ids["disputed"]),
            "reason": company.text("理由"),
        },
        role=PLATFORM,
        # Not all have been heard.
        succeeds=False,
    ),
    ("GET", "/v1/platform/registrations/rules"): Case(role=PLATFORM),
    ("POST", "/v1/platform/registrations/rules"): Case(
        role=PLATFORM, body=lambda _: {"steps": ["territory", "lot"]}
    ),
    # Nobody has looked at what it would change.
    ("POST", "/v1/platform/registrations/rules/switch-on"): Case(
        role=PLATFORM,
        body=lambda _: {"version": 1, "diff_hash": "unseen"},
        succeeds=False,
    ),
    ("POST", "/v1/platform/registrations/replays"): Case(role=PLATFORM),
    ("POST", "/v1/platform/registrations/terms"): Case(
        role=PLATFORM, body=lambda _: {"holds_from": "2099-01-01T00:00:00Z", "terms": {}}
    ),
    ("GET", "/v1/platform/registrations/house"): Case(role=PLATFORM),
    ("POST", "/v1/platform/registrations/house"): Case(
        role=PLATFORM,
        new_ids=("body.id",),
        body=lambda company: {"label": "直客", "customer": {"phone": company.phone()}},
    ),
    # What the platform has registered is nobody's id.
    ("POST", "/v1/platform/registrations/house/{house_id}/release"): Case(
        role=PLATFORM, shared={"path.house_id": "program"}, succeeds=False
    ),
    ("POST", "/v1/platform/registrations/contacts"): Case(
        role=PLATFORM,
        new_ids=("body.id",),
        body=lambda company: {"kind": "call", "customer": {"phone": company.phone()}},
    ),
    ("POST", "/v1/platform/registrations/honeytokens"): Case(
        role=PLATFORM, body=lambda company: {"phone": company.phone()}
    ),
    ("GET", "/v1/platform/registrations/alarms"): Case(role=PLATFORM),
    ("GET", "/v1/platform/registrations/waits"): Case(role=PLATFORM),
    ("GET", "/v1/platform/registrations/waits/open"): Case(role=PLATFORM),
    ("GET", "/v1/divisions"): Case(),
    ("GET", "/v1/divisions/located"): Case(query={"city": "金华"}),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/registrations"): Case(),
    ("GET", "/registrations/check"): Case(),
    ("POST", "/registrations/check"): Case(body=lambda company: {"phone": company.phone()}),
    ("GET", "/registrations/terms"): Case(),
    ("GET", "/registrations/{registration_id}"): Case(ids=_REGISTRATION),
    # What is shown must be of the disputed customer, which has no contract.
    ("POST", "/registrations/{registration_id}/evidence"): Case(
        ids=_DISPUTED,
        body=lambda company: {"shown": f"contract:{company.ids['contract']}"},
        succeeds=False,
    ),
    ("POST", "/registrations/{registration_id}/decisions"): Case(
        ids=_REGISTRATION, body=lambda _: {"verb": "release"}, spends="path.registration_id"
    ),
    ("POST", "/registrations/{registration_id}/waiver"): Case(ids=_DISPUTED),
    # Nobody has decided yet, so there is nothing to appeal.
    ("POST", "/registrations/{registration_id}/appeal"): Case(
        ids=_DISPUTED, body=lambda company: {"reason": company.text("申诉")}, succeeds=False
    ),
    ("GET", "/conflicts"): Case(),
    ("POST", "/conflicts/{conflict_id}"): Case(
        ids={"path.conflict_id": "conflict"},
        body=lambda _: {"decision": "dismiss"},
        spends="path.conflict_id",
    ),
    ("GET", "/console/waits"): Case(role=PLATFORM),
    ("GET", "/console/court"): Case(role=PLATFORM),
    ("GET", "/console/court/{case_id}"): Case(
        ids={"path.case_id": "registration_case"},
        answers={"path.case_id": 200},
        role=PLATFORM,
    ),
    # A party of another case is none of this one's.
    ("POST", "/console/court/{case_id}/word"): Case(
        ids={"path.case_id": "registration_case"},
        answers={"path.case_id": 422},
        body=lambda company: {"registration_id": str(company.ids["disputed"])},
        role=PLATFORM,
    ),
    ("GET", "/console/rules"): Case(role=PLATFORM),
    ("POST", "/console/rules"): Case(
        role=PLATFORM, body=lambda _: {"step_1": "territory", "step_2": "lot"}
    ),
    # Nobody has looked at what it would change.
    ("POST", "/console/rules/{version}/switch-on"): Case(
        words={"version": "1"},
        role=PLATFORM,
        body=lambda _: {"diff_hash": "unseen"},
        succeeds=False,
    ),
    # Numbers are missing.
    ("POST", "/console/terms"): Case(
        role=PLATFORM, body=lambda _: {"holds_on": "2099-01-01"}, succeeds=False
    ),
    # Decided once; asked again it is decided already.
    ("POST", "/console/court/{case_id}/verdict"): Case(
        ids={"path.case_id": "registration_case"},
        answers={"path.case_id": 409},
        body=lambda company: {"reason": company.text("理由")},
        role=PLATFORM,
        succeeds=False,
    ),
}
