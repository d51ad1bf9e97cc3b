"""Schemathesis over the OpenAPI document, against a real server: no answer of 5xx.

Each answer is also of a documented status and kind. `TONGLU_FUZZ_EXAMPLES` makes it as long as
wanted; the suite takes a sample that fits its time.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest
import requests
import schemathesis
from litestar import Litestar
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.access import Role
from server.settings import to_environment
from tests.isolation.matrix import API
from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import pull, push
from tests.isolation.world import FRESH, World
from tests.postgres import environment
from world.processes import free_port, tonglu, wait_until_ready

EXAMPLES: Final = int(os.environ.get("TONGLU_FUZZ_EXAMPLES", "8"))
"""Requests for each operation and each kind of data, valid and not."""
_CHECKS: Final[list[CheckFunction]] = [
    not_a_server_error,
    content_type_conformance,
    status_code_conformance,
    response_schema_conformance,
]
_SIGNING_IN: Final = [
    ("POST", "/v1/auth/login"),
    ("POST", "/v1/auth/token"),
    ("POST", "/v1/devices/enrolment"),
]
_NOT_FUZZED: Final = {
    ("POST", "/v1/auth/logout"): "would end the session that asks",
    ("POST", "/v1/me/sign-out-everywhere"): "would end the session that asks",
    ("POST", "/v1/imports"): "takes a file; the imports' own tests are hostile enough",
}
_SETTINGS: Final = hypothesis.settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize="TONGLU_FUZZ_EXAMPLES" not in os.environ,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
answered: Counter[int] = Counter()


@pytest.fixture(scope="module")
def server(house: tuple[Litestar, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server on the same database; gives its address."""
    port = free_port()
    environ = environment() | to_environment(house[0].state.settings)
    arguments = ["serve", "--api-only", "--workers", "1", "--no-migrate", "--port", str(port)]
    log = tmp_path_factory.mktemp("fuzz") / "server.log"
    with tonglu("serve", arguments, environ=environ, log=Path(log)) as running:
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(running, address)
        yield address


@pytest.fixture(scope="module")
async def spare(world: World) -> dict[str, str]:
    """One record of each kind of one's own, to be found, changed and ended."""
    made = {kind: str(await fresh(world.mine)) for kind, fresh in FRESH.items()}
    shared = {
        kind: str(world.mine.ids[kind])
        for kind in (
            *("team", "tenant", "program", "request", "place", "statement"),
            *("recon_source", "recon_file", "recon_exception", "recon_question"),
        )
    }
    return {**made, **shared, "issuance": str(await world.fresh_issuance(world.mine))}


@pytest.fixture(scope="module")
def document(server: str) -> BaseSchema:
    """The OpenAPI document as a client gets it, read once."""
    return schemathesis.openapi.from_dict(httpx.get(f"{server}/v1/openapi.json").json())


_ROUTES: Final = [
    pytest.param(route, case, mode, id=f"{' '.join(route)} {mode.value}")
    for route, case in {**API, **dict.fromkeys(_SIGNING_IN, Case())}.items()
    if route not in _NOT_FUZZED
    for mode in GenerationMode
]


@pytest.mark.slow
@pytest.mark.parametrize(("route", "case", "mode"), _ROUTES)
def test_no_request_is_answered_by_a_fault(
    server: str,
    world: World,
    spare: dict[str, str],
    document: BaseSchema,
    route: Route,
    case: Case,
    mode: GenerationMode,
) -> None:
    operation = document[route[1]][route[0]]
    session = _session(world, case.role)
    known = {
        place.partition(".")[2]: spare[kind]
        for place, kind in {**case.ids, **case.shared}.items()
        if place.startswith("path.")
    }

    @_SETTINGS
    @hypothesis.given(generated=operation.as_strategy(generation_mode=mode))
    def ask(generated: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            generated.path_parameters |= known
        answer = generated.call(base_url=server, session=session)
        answered[answer.status_code] += 1
        generated.validate_response(answer, checks=_CHECKS)

    ask()


def _session(world: World, role: Role) -> requests.Session:
    """Sign a client in."""
    session = requests.Session()
    session.headers["authorization"] = f"Bearer {world.session(role).token}"
    return session


_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
_kinds = st.sampled_from(["customer", "store", "contact", "note", "tag", "conflict", "nothing"])
_fields = st.dictionaries(
    st.sampled_from(["name", "phone", "status", "customer_id", "tags", "remark", "x", "uscc"]),
    _anything,
    max_size=4,
)
_ops = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["create", "edit", "delete", "intent", "nothing"]),
        "number": st.integers(-1, 5) | st.integers() | _anything,
        "kind": _kinds,
        "id": st.uuids().map(str) | st.text(max_size=50),
        "fields": _fields,
        "at_ms": st.integers(0, 2**53) | _anything,
        "base": st.integers(0, 100) | _anything,
    },
    optional={
        "name": st.text(max_size=20),
        "args": _anything,
        "sets": _anything,
        "group": _anything,
    },
)
_pushes = st.lists(_ops, max_size=4).map(lambda ops: push(*ops)) | _anything
_pulls = (
    st.fixed_dictionaries({"cursor": st.none() | st.text() | _anything, "limit": _anything})
    | st.builds(pull)
    | _anything
)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "messages"), [("push", _pushes), ("pull", _pulls)])
def test_no_message_of_a_device_is_answered_by_a_fault(
    server: str, world: World, name: str, messages: st.SearchStrategy[Any]
) -> None:
    session = _session(world, Role.SALES_REP)
    encodings = st.sampled_from(["application/json", "application/msgpack"])

    @hypothesis.settings(_SETTINGS, max_examples=EXAMPLES * 10)
    @hypothesis.given(message=messages | st.binary(), media=encodings)
    def send(message: Any, media: str) -> None:
        answer = session.post(
            f"{server}/v1/sync/{name}",
            data=message if isinstance(message, bytes) else _packed(message, media),
            headers={"content-type": media},
        )
        answered[answer.status_code] += 1
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"

    send()


def _packed(message: Any, media: str) -> bytes:
    """Write a message as the media type says, as far as it can be written."""
    try:
        encode = msgspec.msgpack.encode if media.endswith("msgpack") else msgspec.json.encode
        return encode(message)
    except (OverflowError, UnicodeEncodeError, msgspec.EncodeError):
        return repr(message).encode("utf-8", "replace")


@pytest.mark.slow
def test_the_fuzz_came_through_to_the_rooms(server: str, world: World) -> None:
    for role in Role:
        assert _session(world, role).get(f"{server}/v1/me").status_code == 200

    assert answered[200] + answered[201] > len(_ROUTES) / 4, answered
    assert answered[422] > len(_ROUTES) / 4
    assert not [status for status in answered if status >= 500]
