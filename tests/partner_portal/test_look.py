"""Colours come from the palette and can be read; files are what the lock says."""

import re
from pathlib import Path

import pytest

import partner_portal
from partner_portal import assets, palette, vendor

PORTAL = Path(partner_portal.__file__).parent
STYLES = sorted((PORTAL / "static" / "css").glob("*.css"))
_COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch|color-mix|light-dark)\(")

TEXT = 4.5
"""WCAG 1.4.3: contrast of text."""
EDGE = 3.0
"""WCAG 1.4.11: contrast of what shows where a control is."""

READ_ON = [
    ("ink", "canvas"), ("ink", "surface"), ("ink", "hover"), ("ink-2", "surface"),
    ("ink-2", "sunken"), ("ink-2", "hover"), ("ink-3", "canvas"), ("ink-3", "surface"),
    ("ink-3", "sunken"), ("ink-3", "head"), ("accent", "surface"), ("accent", "canvas"),
    ("accent", "accent-weak"), ("accent-ink", "accent"), ("accent-ink", "accent-hover"),
    ("ink", "accent-weak"), ("ink-2", "accent-weak"), ("ok", "surface"), ("ok", "ok-weak"),
    ("warn", "surface"), ("warn", "warn-weak"), ("bad", "surface"), ("bad", "bad-weak"),
    ("bad", "sunken"), ("slip-ink", "slip"), ("slip-ink-2", "slip"),
    *[(f"c-{name}-ink", f"c-{name}-weak") for name in palette.STAGES],
]  # fmt: skip


def _luminance(colour: str) -> float:
    """Give the relative luminance of #rrggbb."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours, 1 to 21."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "paper"), READ_ON)
def test_text_can_be_read(text: str, paper: str, theme: int) -> None:
    colours = palette.theme(theme)

    assert contrast(colours[text], colours[paper]) >= TEXT


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_one_sees_where_to_type(theme: int) -> None:
    colours = palette.theme(theme)

    assert contrast(colours["edge"], colours["surface"]) >= EDGE
    assert contrast(colours["accent"], colours["surface"]) >= EDGE


def test_the_stylesheet_is_the_palette() -> None:
    assert palette.TOKENS.read_text(encoding="utf-8") == palette.stylesheet()


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_no_colour_stands_outside_the_palette(path: Path) -> None:
    if path == palette.TOKENS:
        return
    assert _COLOUR.findall(path.read_text(encoding="utf-8")) == []


def test_every_token_that_a_style_uses_exists() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in STYLES)
    defined = set(re.findall(r"(--[\w-]+)\s*:", text))

    used = set(re.findall(r"var\((--[\w-]+)\)", text))

    assert used - defined == set()


def test_an_icon_that_is_not_in_the_sprite_is_refused() -> None:
    loaded = assets.load()

    assert loaded.icon("gift").endswith("#gift")
    with pytest.raises(KeyError):
        loaded.icon("unicorn")


def test_what_others_wrote_is_what_the_lock_says() -> None:
    assert vendor.differences() == []


def test_a_changed_file_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vendor, "ROOT", tmp_path)

    assert any(line.endswith("is missing") for line in vendor.differences())


def test_an_address_names_the_content(tmp_path: Path) -> None:
    for name in ("scale", "tokens", "base", "layout", "components", "deals"):
        (tmp_path / "css").mkdir(exist_ok=True)
        (tmp_path / "css" / f"{name}.css").write_text('a{background:url("../mark.svg")}')
    (tmp_path / "mark.svg").write_text("<svg/>")
    (tmp_path / "icons.svg").write_text('<svg><symbol id="x"/></svg>')
    for bare in assets._PACKAGES.values():
        (tmp_path / bare).parent.mkdir(parents=True)
        (tmp_path / bare).write_text("export default 1")
    before = assets.load(tmp_path)

    (tmp_path / "mark.svg").write_text("<svg></svg>")
    after = assets.load(tmp_path)

    assert before.address("mark.svg") != after.address("mark.svg")
    assert before.address("app.css") != after.address("app.css"), "what it points to has changed"
    assert after.address("mark.svg").encode() in after.by_name["app.css"].content
    htmx = assets._PACKAGES["htmx"]
    assert before.address(htmx) == after.address(htmx)


def test_every_script_is_found_by_its_bare_name() -> None:
    loaded = assets.load()
    asked = {
        name
        for path in (PORTAL / "static" / "js").glob("*.js")
        for name in re.findall(r'from "([\w/-]+)"|import "([\w/-]+)"', path.read_text())
    }

    assert all(f'"{one or other}":' in loaded.import_map for one, other in asked)
