"""Write a picture anew from its pixels alone: no place, no camera, no comment, no tail."""

import io
import warnings
from contextlib import suppress
from typing import Any, BinaryIO, Final

from PIL import Image, ImageCms, ImageOps, JpegImagePlugin, UnidentifiedImageError

from server.attachments.rewriting.answers import FileRefused, Rewritten

THUMBNAIL_SIDE: Final = 320
THUMBNAIL_BYTES: Final = 16 * 1024
_FORMATS: Final = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/webp": "WEBP",
    "image/heic": "HEIF",
}
_QUALITY: Final = 90
_WHITE: Final = (255, 255, 255)


def rewrite(source: BinaryIO, media_type: str, pixels_max: int, target: BinaryIO) -> Rewritten:
    """Decode a picture that is what it says to be, and encode it again.

    :raises FileRefused: it is something else, broken, or has more pixels than are taken.
    """
    # Ours is stricter, and looked at before a pixel is unpacked.
    Image.MAX_IMAGE_PIXELS = None
    warnings.simplefilter("ignore")
    if media_type == "image/heic":
        # Only iPhones send these, and the library takes a while to load.
        import pi_heif  # noqa: PLC0415 - see above

        pi_heif.register_heif_opener()
    try:
        with Image.open(source, formats=[_FORMATS[media_type]]) as opened:
            _ensure_bounded(opened, pixels_max)
            saved_as = _how_saved(opened, media_type)
            upright = _upright(opened)
    except UnidentifiedImageError as error:
        raise FileRefused("not_readable", "This is not the kind of file it says to be.") from error
    except (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError) as error:
        raise FileRefused("not_readable", "This picture is broken; take it again.") from error
    kind, picture, options = saved_as(upright)
    picture.info.clear()
    picture.save(target, kind, **options)
    return Rewritten(
        media_type="image/jpeg" if media_type == "image/heic" else media_type,
        width=picture.width,
        height=picture.height,
        thumbnail=_thumbnail(picture),
    )


def _ensure_bounded(opened: Image.Image, pixels_max: int) -> None:
    """Refuse by what the header says, before anything is unpacked."""
    if opened.width * opened.height > pixels_max:
        detail = f"A picture may have {pixels_max} pixels; make it smaller."
        raise FileRefused("too_many_pixels", detail)


def _upright(opened: Image.Image) -> Image.Image:
    """Unpack the first frame, turned as the camera was held, in plain colours."""
    profile = opened.info.get("icc_profile")
    opened.load()
    picture = ImageOps.exif_transpose(opened)
    if profile and picture.mode == "RGB":
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            plain = ImageCms.profileToProfile(
                picture, theirs, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
            picture = plain or picture
    return picture


Saved = tuple[str, Image.Image, dict[str, Any]]


def _how_saved(opened: Image.Image, media_type: str) -> Any:
    """Choose how a picture is encoded, while it still says how it was."""
    match media_type:
        case "image/png":
            return _as_png
        case "image/webp":
            return lambda picture: ("WEBP", _in_colours(picture), {"quality": _QUALITY})
        case "image/jpeg" if opened.mode in {"L", "RGB"}:
            # With the tables that it came with, it loses next to nothing and stays as small.
            options = {
                "qtables": getattr(opened, "quantization", None),
                "subsampling": JpegImagePlugin.get_sampling(opened),
            }
            return lambda picture: ("JPEG", _opaque(picture), options)
        case _:
            return lambda picture: ("JPEG", _opaque(picture), {"quality": _QUALITY})


def _as_png(picture: Image.Image) -> Saved:
    """Keep what PNG knows; a palette becomes colours."""
    if picture.mode not in {"1", "L", "LA", "RGB", "RGBA"}:
        picture = _in_colours(picture)
    return "PNG", picture, {}


def _in_colours(picture: Image.Image) -> Image.Image:
    """Turn whatever it is into colours, transparent where it was."""
    if picture.mode in {"RGB", "RGBA"}:
        return picture
    is_see_through = picture.mode in {"LA", "PA", "La", "RGBa"} or "transparency" in picture.info
    return picture.convert("RGBA" if is_see_through else "RGB")


def _opaque(picture: Image.Image) -> Image.Image:
    """Put what is transparent on white."""
    if picture.mode in {"L", "RGB"}:
        return picture
    picture = _in_colours(picture)
    if picture.mode == "RGB":
        return picture
    ground = Image.new("RGB", picture.size, _WHITE)
    ground.paste(picture, mask=picture.getchannel("A"))
    return ground


def _thumbnail(picture: Image.Image) -> bytes:
    """Make a small JPEG of a picture."""
    small = picture.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), reducing_gap=2.0)
    small = _opaque(small)
    encoded = b""
    for quality in (70, 50, 30, 10):
        target = io.BytesIO()
        small.save(target, "JPEG", quality=quality, optimize=True)
        encoded = target.getvalue()
        if len(encoded) <= THUMBNAIL_BYTES:
            break
    return encoded
