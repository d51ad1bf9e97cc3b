"""The README's example runs as it stands, only against a server of the test."""

import re
from pathlib import Path

import pytest

import mobile_client_sdk
from mobile_client_sdk.testing import FakeServer

README = Path(mobile_client_sdk.__file__).with_name("README.md").read_text(encoding="utf-8")


def test_the_example_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 12
    monkeypatch.chdir(tmp_path)
    server = FakeServer()

    with server.serve() as url:
        code = server.enrolment_code("王芳")
        here = example.replace("https://crm.example", url).replace("6WM-BR8-KXK", code)
        scope: dict[str, object] = {}
        exec(here, scope)  # noqa: S102 - the example is ours, and running it is the test

    held = [record for record in server.records.values() if record.kind == "customer"]
    assert [record.fields["phone"] for record in held] == ["+8613800000000"]
    assert (tmp_path / "rep.db").exists()
