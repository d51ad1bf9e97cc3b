"""Draw what a phone reads from a screen."""

import io

import segno


def svg(text: str) -> str:
    """Draw a QR code as SVG, with the quiet zone that cameras need."""
    drawn = io.BytesIO()
    code = segno.make(text, error="m")
    # As large as its place; dark upon light in every theme, or cameras miss it.
    code.save(drawn, kind="svg", border=4, light="#fff", xmldecl=False, omitsize=True)
    return drawn.getvalue().decode()
