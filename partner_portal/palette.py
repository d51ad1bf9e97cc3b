"""The colours, authored in OKLCH, written as the hex that older browsers read.

Paper and ink: warm paper neutrals, blue-black ink, one accent (靛); other colour only has meaning.
`static/css/tokens.css` is made from here (`python -m partner_portal.palette`); a test compares.
"""

from __future__ import annotations

import math
from pathlib import Path

TOKENS = Path(__file__).parent / "static" / "css" / "tokens.css"

Oklch = tuple[float, float, float]
"""Lightness 0 to 1, chroma, hue in degrees."""

_WHITE: Oklch = (1.0, 0.0, 0.0)

COLOURS: dict[str, tuple[Oklch, Oklch]] = {
    # Paper 纸: light, dark.
    "canvas": ((0.988, 0.0025, 85), (0.172, 0.006, 265)),
    "surface": (_WHITE, (0.208, 0.007, 265)),
    "raised": (_WHITE, (0.243, 0.008, 265)),
    "sunken": ((0.967, 0.0035, 85), (0.151, 0.006, 265)),
    "hover": ((0.955, 0.004, 85), (0.255, 0.008, 265)),
    "line": ((0.918, 0.0045, 85), (0.285, 0.008, 265)),
    "line-2": ((0.868, 0.006, 85), (0.36, 0.009, 265)),
    # Edges of things that are operated (inputs, boxes): 3:1 against what is behind them.
    "edge": ((0.64, 0.008, 85), (0.54, 0.01, 265)),
    # Ink 墨.
    "ink": ((0.235, 0.014, 265), (0.945, 0.004, 265)),
    "ink-2": ((0.43, 0.014, 265), (0.765, 0.008, 265)),
    "ink-3": ((0.51, 0.012, 265), (0.68, 0.01, 265)),
    "ink-4": ((0.70, 0.010, 265), (0.50, 0.01, 265)),
    # One accent 靛.
    "accent": ((0.475, 0.165, 264), (0.70, 0.135, 264)),
    "accent-hover": ((0.43, 0.165, 264), (0.75, 0.12, 264)),
    "accent-ink": (_WHITE, (0.17, 0.03, 264)),
    "accent-weak": ((0.955, 0.022, 264), (0.285, 0.055, 264)),
    "accent-line": ((0.86, 0.06, 264), (0.42, 0.09, 264)),
    # Meaning.
    "ok": ((0.50, 0.115, 160), (0.76, 0.13, 160)),
    "ok-weak": ((0.957, 0.03, 160), (0.27, 0.045, 160)),
    "warn": ((0.535, 0.115, 65), (0.81, 0.13, 75)),
    "warn-weak": ((0.965, 0.038, 82), (0.285, 0.045, 75)),
    "bad": ((0.53, 0.185, 25), (0.74, 0.15, 25)),
    "bad-weak": ((0.96, 0.02, 25), (0.285, 0.06, 25)),
    # The dark slip on which toasts and offline news stand.
    "slip": ((0.26, 0.014, 265), (0.31, 0.012, 265)),
    "slip-ink": ((0.985, 0.002, 265), (0.96, 0.003, 265)),
    "slip-ink-2": ((0.80, 0.008, 265), (0.80, 0.008, 265)),
}

STAGES: dict[str, tuple[Oklch, Oklch]] = {
    "slate": ((0.60, 0.022, 262), (0.68, 0.022, 262)),
    "sky": ((0.64, 0.125, 235), (0.72, 0.12, 235)),
    "violet": ((0.58, 0.155, 296), (0.70, 0.14, 296)),
    "amber": ((0.76, 0.145, 74), (0.76, 0.145, 74)),
    "green": ((0.60, 0.13, 158), (0.72, 0.13, 158)),
    "rose": ((0.64, 0.17, 15), (0.64, 0.17, 15)),
}

_RAMP = (0.34, 0.48, 0.62, 0.80, 1.0)


def _linear_to_byte(channel: float) -> int:
    """Encode one linear sRGB channel."""
    channel = min(1.0, max(0.0, channel))
    low = channel <= 0.0031308  # noqa: PLR2004 -- the sRGB standard's own constant
    encoded = 12.92 * channel if low else 1.055 * channel ** (1 / 2.4) - 0.055
    return round(encoded * 255)


def to_oklab(colour: Oklch) -> tuple[float, float, float]:
    """Turn polar into rectangular coordinates, in which colours are mixed."""
    lightness, chroma, hue = colour
    return (
        lightness,
        chroma * math.cos(math.radians(hue)),
        chroma * math.sin(math.radians(hue)),
    )


def to_hex(lab: tuple[float, float, float]) -> str:
    """Write an OKLab colour as #rrggbb, clipped to sRGB."""
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    channels = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{_linear_to_byte(channel):02x}" for channel in channels)


def mix(one: Oklch, other: Oklch, share: float) -> str:
    """Mix `share` of one colour into another and write it as hex."""
    pairs = zip(to_oklab(one), to_oklab(other), strict=True)
    lightness, a, b = (share * x + (1 - share) * y for x, y in pairs)
    return to_hex((lightness, a, b))


def theme(index: int) -> dict[str, str]:
    """Give every colour token of the light (0) or the dark (1) theme."""
    tokens = {name: to_hex(to_oklab(pair[index])) for name, pair in COLOURS.items()}
    surface, ink, accent = (COLOURS[name][index] for name in ("surface", "ink", "accent"))
    tokens["line-weak"] = mix(COLOURS["line"][index], surface, 0.55)
    tokens["head"] = mix(COLOURS["sunken"][index], surface, 0.55)
    for name, pair in STAGES.items():
        tokens[f"c-{name}"] = to_hex(to_oklab(pair[index]))
        tokens[f"c-{name}-weak"] = mix(pair[index], surface, 0.20)
        tokens[f"c-{name}-ink"] = mix(pair[index], ink, 0.55)
    for step, share in enumerate(_RAMP, start=1):
        tokens[f"ramp-{step}"] = mix(accent, surface, share)
    tokens["flow"] = mix(accent, surface, 0.09)
    tokens["scrim"] = ("#1b1e2566", "#00000099")[index]
    tokens["shade-1"] = ("#1b1e250d", "#00000066")[index]
    tokens["shade-2"] = ("#1b1e2512", "#00000066")[index]
    tokens["shade-3"] = ("#1b1e2529", "#000000aa")[index]
    return tokens


def stylesheet() -> str:
    """Write tokens.css: the two hex blocks, the dark one also for who has not chosen."""
    light, dark = (
        "".join(f"--{name}:{value};" for name, value in theme(index).items()) for index in (0, 1)
    )
    return (
        "/* Made by partner_portal/palette.py from OKLCH; change the colours there. */\n"
        "@layer tokens{\n"
        f":root{{color-scheme:light;{light}}}\n"
        "@media (prefers-color-scheme:dark){"
        f":root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f"[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
        "}\n"
    )


if __name__ == "__main__":
    TOKENS.write_text(stylesheet(), encoding="utf-8")
