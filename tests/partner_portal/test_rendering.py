"""Compiled templates are kept for the next process, where there is a safe place for them."""

import os
import tempfile
from pathlib import Path

import jinja2
import pytest

from partner_portal import assets
from partner_portal.rendering import environment


def test_the_next_process_compiles_no_template_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment(assets.load()).get_template("layout/help.html")
    monkeypatch.setattr(jinja2.Environment, "compile", None)

    template = environment(assets.load()).get_template("layout/help.html")

    assert template.name == "layout/help.html"


def test_a_folder_that_somebody_else_made_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"_jinja2-cache-{os.getuid()}").symlink_to(tmp_path / "elsewhere")

    template = environment(assets.load()).get_template("layout/help.html")

    assert template.name == "layout/help.html"
    assert not list((tmp_path / "elsewhere").iterdir())
