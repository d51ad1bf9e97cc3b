"""Draw what a phone reads from a screen."""

import io

import segno


def svg(text: str) -> str:
    """Draw a QR code as SVG, with the quiet zone that cameras need."""
    drawn = io.BytesIO()
    segno.make(text, error="m").save(drawn, kind="svg", scale=4, border=4, xmldecl=False)
    return drawn.getvalue().decode()
