"""What is made in a process of its own."""

import os

import pytest

from server.kit.apart import made_apart


def test_it_is_made_in_another_process_and_given_whole() -> None:
    made = made_apart(lambda: b"%d " % os.getpid() * 50_000)

    [maker] = set(made.split())
    assert int(maker) != os.getpid()
    assert len(made.split()) == 50_000


def test_what_fails_there_fails_here(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="not made"):
        made_apart(lambda: bytes(1 // 0))

    assert "ZeroDivisionError" in capfd.readouterr().err
