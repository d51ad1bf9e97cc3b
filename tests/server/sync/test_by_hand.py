"""The commands by which the specification is driven by hand do what it says."""

import re
from pathlib import Path
from typing import Any

import httpx

from server.settings import Settings
from tests.factories import Tenant
from tests.server.sync.devices import make_phone_session

_DOCUMENT = (Path(__file__).parents[3] / "docs/sync-protocol.md").read_text(encoding="utf-8")
_COMMANDS = dict(
    re.findall(r"<!-- by hand: (\w+) -->\n```sh\n(.*?)\n```", _DOCUMENT, flags=re.DOTALL)
)


async def run(client: httpx.AsyncClient, name: str, **variables: object) -> Any:
    """Do what a command does: the shell's quotes and variables, then the request."""
    command = _COMMANDS[name]
    path, body = re.fullmatch(
        r'curl "\$SERVER(\S+)" -H "Authorization: Bearer \$TOKEN"'
        r" -H \"Content-Type: application/json\" -d '(.*)'",
        command,
        flags=re.DOTALL,
    ).groups()  # type: ignore[union-attr] # a command of another form fails here, as it should
    for variable, value in variables.items():
        body = body.replace(f"'${variable}'", str(value))
    answer = await client.post(
        path, content=body.encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_protocol_is_driven_by_hand(
    client: httpx.AsyncClient, database: Settings, tenant: Tenant
) -> None:
    token = await make_phone_session(database, tenant)
    client.headers["Authorization"] = f"Bearer {token}"

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
