"""An app that is killed within a chunk goes on with it: real processes, real HTTP, kill -9."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from server.identity import keys
from server.identity import service as identity
from server.kit import clock
from server.settings import Settings, to_environment
from sync_protocol.attachments import CHUNK_BYTES
from tests import factories
from tests.postgres import environment, opened
from tests.server.attachments.files import photo_of
from world.processes import free_port, tonglu, wait_until_ready

SENDER = Path(__file__).with_name("sender.py")
ROOT = SENDER.parents[2]
KILLS = int(os.environ.get("TONGLU_ATTACHMENT_KILLS", "3"))
"""20 kills a photo of 5 MB at each of its chunks."""


@pytest.mark.slow
async def test_an_app_that_is_killed_within_a_chunk_sends_no_more_than_that_again(
    fresh_database: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = 5 * 1024 * 1024 if KILLS > 5 else (KILLS + 1) * CHUNK_BYTES
    (tmp_path / "photo.jpg").write_bytes(photo_of(size))
    keys.open_keys(fresh_database)
    async with opened(fresh_database):
        rep = (await factories.make_tenant()).rep
        code = await identity.new_enrolment_code(rep, user_id=rep.user_id, now=clock.now())
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = msgspec.structs.replace(fresh_database, public_url=url)
    environ = environment() | to_environment(settings)
    arguments = ["serve", "--api-only", "--workers", "1", "--no-migrate", "--port", str(port)]

    put: list[int] = []
    with tonglu("serve", arguments, environ=environ, log=tmp_path / "server.log") as running:
        wait_until_ready(running, url)
        first = [code.code, str(tmp_path / "photo.jpg")]
        for _ in range(KILLS):
            put += send([str(tmp_path / "rep.db"), url, *first], is_killed=True)
            first = []
        put += send([str(tmp_path / "rep.db"), url], is_killed=False)

    again = sum(put) - size
    with capsys.disabled():
        print(f"\n{size} bytes, kill -9 within {KILLS} chunks: {again} bytes sent again")  # noqa: T201 - the counts are the result
    assert 0 <= again <= CHUNK_BYTES


def send(arguments: list[str], *, is_killed: bool) -> list[int]:
    """Let the app send, and kill it while its next chunk but one is on the way; count the bytes."""
    process = subprocess.Popen(
        [sys.executable, str(SENDER), *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    assert process.stdout is not None
    put: list[int] = []
    for line in process.stdout:
        if line.startswith("put"):
            put.append(int(line.split()[1]))
            if is_killed and len(put) == 2:
                process.kill()
    process.stdout.close()
    assert process.wait() == (-9 if is_killed else 0)
    return put
