"""Photos and files of the stories."""

import base64
import io
from typing import Any

import pikepdf
from PIL import Image

HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAb5tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA"
    "AAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAAB4gABAAAAAAAAABkAAgAAAAAB+wABAAAAAAAAAEgAAAA4aWluZgAAAAAA"
    "AgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADd"
    "aXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAq"
    "QgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQAN"
    "AAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AAAAACAAAAEHBp"
    "eGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQABAAAAaW1kYXQA"
    "AAAVKAGvC2D15YOv//E19+1Ag53fT/UOAAAABkV4aWYAAE1NACoAAAAIAAIBDwACAAAABgAAACaIJQAEAAAAAQAAACwA"
    "AAAAUGhvbmUAAAEAAQACAAAAAk4AAAAAAAAA"
)
"""A photo of an iPhone: 64 by 48 pixels, red, with a place."""
LATITUDE = 0x0002
GPS = 0x8825
ORIENTATION = 0x0112
QUARTER_TURN = 6


def photo(width: int = 64, height: int = 48, *, quality: int = 90, **exif: Any) -> bytes:
    """Take a photo with a camera that tells where it is, held upright."""
    told = Image.Exif()
    told[ORIENTATION] = QUARTER_TURN
    told.get_ifd(GPS)[LATITUDE] = (30.0, 15.0, 0.0)
    picture = Image.effect_noise((width, height), 60).convert("RGB")
    target = io.BytesIO()
    picture.save(target, "JPEG", quality=quality, exif=told, comment=b"taken by Wang", **exif)
    return target.getvalue()


def photo_of(size: int) -> bytes:
    """Take a photo that has exactly so many bytes: what lacks is filled up behind its end."""
    taken = photo(200, 150)
    while True:
        larger = photo(*(side * 2 for side in Image.open(io.BytesIO(taken)).size))
        if len(larger) > size:
            return taken + bytes(size - len(taken))
        taken = larger


def drawing(width: int = 40, height: int = 30, kind: str = "PNG") -> bytes:
    """Draw something see-through."""
    target = io.BytesIO()
    Image.new("RGBA", (width, height), (20, 90, 200, 120)).save(target, kind)
    return target.getvalue()


def bomb(side: int = 20_000) -> bytes:
    """Pack many pixels into few bytes."""
    target = io.BytesIO()
    Image.new("1", (side, side)).save(target, "PNG")
    return target.getvalue()


def document(*, text: str = "app.alert('boo')") -> bytes:
    """Write a PDF that acts, carries a program, and tells who wrote it."""
    pdf = pikepdf.new()
    pdf.add_blank_page()
    pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=text)
    pdf.attachments["tool.exe"] = b"MZ a program"
    pdf.docinfo["/Author"] = "Wang"
    jpeg = photo(16, 16)
    image = pdf.make_stream(
        jpeg,
        Type=pikepdf.Name.XObject,
        Subtype=pikepdf.Name.Image,
        Width=16,
        Height=16,
        ColorSpace=pikepdf.Name.DeviceRGB,
        BitsPerComponent=8,
    )
    image.write(jpeg, filter=pikepdf.Name.DCTDecode)
    pdf.pages[0].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=image))
    target = io.BytesIO()
    pdf.save(target)
    return target.getvalue()
