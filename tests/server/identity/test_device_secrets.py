"""What a wiped device sealed for the server is opened on the server, and by nobody else."""

import os
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner

from mobile_client_sdk import backup
from mobile_client_sdk.backup import Words
from mobile_client_sdk.session import Session
from server.identity import command, keys
from server.identity.rules import device_secrets
from server.settings import from_environment

SESSION = Session(
    device_id="d", tenant_id="t", user_id="u", access_token="", refresh_token="", expires_at_ms=0
)


def test_an_operator_opens_what_a_device_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONGLU_SECRET", "a root secret of more than thirty-two characters")
    monkeypatch.setenv("TONGLU_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1/none")
    settings = from_environment(os.environ)
    held = keys.derive([b"a root secret of more than thirty-two characters"], settings)
    sealed, clear = tmp_path / "sealed", tmp_path / "clear"
    seal_key = device_secrets.seal_key(held.outbox_seals[0])
    backup.write(sealed, Words(pending=[], refused=[]), SESSION, now_ms=1, seal_key=seal_key)
    before = list(keys._held)

    try:
        done = CliRunner().invoke(command.unseal, [str(sealed), str(clear)])
        again = CliRunner().invoke(command.unseal, [str(clear), str(tmp_path / "no")])
    finally:
        keys._held[:] = before

    assert done.exit_code == 0, done.output
    head, words = backup.read(clear)
    assert (head.sealed, head.device_id, words.pending) == ("none", "d", [])
    assert again.exit_code == 1
    assert not (tmp_path / "no").exists()


def test_shares_are_a_persons_and_turn_over_with_the_key() -> None:
    one, other = UUID(int=1), UUID(int=2)

    newest, older = device_secrets.shares([b"new", b"old"], tenant_id=one, user_id=other)

    assert newest != older
    assert device_secrets.shares([b"old"], tenant_id=one, user_id=other) == (older,)
    assert device_secrets.shares([b"old"], tenant_id=other, user_id=one) != (older,)
