"""The first of the platform's staff is added from a shell."""

import httpx

from server.settings import Settings
from tests.factories import new_id
from tests.server.identity.conftest import run_tonglu


async def test_staff_added_in_a_shell_may_sign_in(
    client: httpx.AsyncClient, database: Settings
) -> None:
    login, password = f"staff-{new_id().hex[-12:]}", "long enough for staff 82"

    status, said = await _staff(database, login, "operator", password)

    assert status == 0, said
    answer = await client.post("/v1/auth/login", json={"login": login, "password": password})
    bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    me = await client.get("/v1/me", headers=bearer)
    assert me.json()["role"] == "platform_operator"


async def test_a_weak_password_is_refused_in_words(database: Settings) -> None:
    status, said = await _staff(database, f"staff-{new_id().hex[-12:]}", "finance", "short")

    assert status == 1
    assert said.startswith("Error: ")


async def _staff(database: Settings, login: str, role: str, password: str) -> tuple[int, str]:
    """Run `tonglu staff` and give its status and words."""
    given = ("--name", "林知远", "--role", role, "--password", password)
    return await run_tonglu(database, "staff", login, *given)
