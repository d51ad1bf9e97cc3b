"""The commands by which the specification is driven by hand do what it says."""

import re
from pathlib import Path
from typing import Any

import httpx

from server.access import Role
from server.identity import keys
from server.identity import service as identity
from server.identity.schemas import NewUser
from server.kit import clock
from server.settings import Settings
from tests.factories import Tenant, new_id

_DOCUMENT = (Path(__file__).parents[3] / "docs/sync-protocol.md").read_text(encoding="utf-8")
_COMMANDS = dict(
    re.findall(r"<!-- by hand: (\w+) -->\n```sh\n(.*?)\n```", _DOCUMENT, flags=re.DOTALL)
)


async def run(client: httpx.AsyncClient, name: str, **variables: object) -> Any:
    """Do what a command does: the shell's quotes and variables, then the request."""
    command = _COMMANDS[name]
    path, body = re.fullmatch(
        r'curl "\$SERVER(\S+)"(?: -H "Authorization: Bearer \$\w+")?'
        r" -H \"Content-Type: application/json\" -d '(.*)'",
        command,
        flags=re.DOTALL,
    ).groups()  # type: ignore[union-attr] # a command of another form fails here, as it should
    for variable, value in variables.items():
        body = body.replace(f"'${variable}'", str(value))
    answer = await client.post(
        path, content=body.encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.is_success, answer.text
    return answer.json()


async def test_the_protocol_is_driven_by_hand(
    client: httpx.AsyncClient, database: Settings, tenant: Tenant
) -> None:
    keys.open_keys(database)
    user_id = new_id()
    person = NewUser(
        login=f"p{user_id.hex}",
        name="外勤",
        role=Role.SALES_REP,
        id=user_id,
        team_id=tenant.team_id,
    )
    now = clock.now()
    await identity.invite(tenant.owner, person, now=now)
    code = await identity.new_enrolment_code(tenant.owner, user_id=user_id, now=now)
    enrolled = await run(client, "enrol", CODE=code.code)
    client.headers["Authorization"] = f"Bearer {enrolled['access_token']}"

    first = await run(client, "push")
    again = await run(client, "push")
    (batch,) = [each for each in first["pull"]["batches"] if each["kind"] == "customer"]
    edited = await run(client, "edit", HANDLE=batch["handles"][0], SEQ=batch["seqs"][0])
    newer = await run(client, "pull", CURSOR=first["pull"]["cursor"])
    compared = await run(client, "digest", CURSOR=newer["cursor"])

    assert first["outcomes"] == again["outcomes"]
    assert [each["code"] for each in edited["outcomes"]] == ["applied"]
    assert [each["fields"] for each in newer["patches"]] == [{"city": "杭州市"}]
    assert "customer" in [each["kind"] for each in compared["branches"]]
