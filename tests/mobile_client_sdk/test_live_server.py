"""A rep at a terminal and a phone that listens, over real processes."""

import asyncio
import io
from pathlib import Path

import httpx
import pytest

from mobile_client_sdk.aio import AsyncClient
from mobile_client_sdk.client import open_client
from mobile_client_sdk.device.command import main
from tests.reliability.conftest import cluster, site
from tests.reliability.site import Site

# The fixtures of the served product, by the names that pytest looks for.
__all__ = ["cluster", "site"]


async def new_code(at: Site) -> str:
    """Ask for an enrolment code as the company's owner."""
    headers = {"Authorization": f"Bearer {at.token}"}
    async with httpx.AsyncClient(base_url=at.url, headers=headers) as http:
        made = await http.post("/v1/devices/enrolment-codes", json={})
    code: str = made.json()["code"]
    return code


def run(home: Path, *words: str) -> tuple[int, str]:
    """Run the command of a rep."""
    out = io.StringIO()
    code = main(["--home", str(home), *words], environment={}, out=out, errors=out)
    return code, out.getvalue()


@pytest.mark.slow
async def test_what_a_rep_syncs_at_a_terminal_appears_on_a_phone_that_listens(
    site: Site,
    tmp_path: Path,
) -> None:
    home = tmp_path / "terminal"
    code, said = await asyncio.to_thread(run, home, "login", site.url, await new_code(site))
    assert code == 0, said
    phone = open_client(tmp_path / "phone.db", site.url)
    async with AsyncClient(phone) as listening:
        await listening.enrol(await new_code(site), device_name="phone")
        reports = listening.live()
        assert (await anext(reports)).is_complete
        assert (await anext(reports)).is_complete

        await asyncio.to_thread(run, home, "add", "福满楼", "城市=杭州市")
        code, said = await asyncio.to_thread(run, home, "sync")
        assert code == 0, said
        names: list[str] = []
        while not names:
            assert (await anext(reports)).is_complete
            names = [customer.name for customer in await listening.customers()]

        assert names == ["福满楼"]
        assert phone._protection is not None
        record = phone._protection.vault.record
        assert len(record.share or b"") == len(record.seal_key or b"") == 32
        assert record.lease_ms == 72 * 3_600_000
        await reports.aclose()  # type: ignore[attr-defined] # an async generator can be ended
