"""Write a PDF anew, without what acts by itself, is attached, or says where and by whom."""

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import pikepdf

from server.attachments.rewriting.answers import FileRefused, Rewritten

PAGES_MAX: Final = 500
_OBJECTS_MAX: Final = 200_000
_ACTING: Final = frozenset(
    {
        "/JavaScript",
        "/Launch",
        "/SubmitForm",
        "/ImportData",
        "/GoToR",
        "/GoToE",
        "/Rendition",
        "/RichMediaExecute",
        "/Movie",
        "/Sound",
    }
)
_DROPPED: Final = (
    "/AA",
    "/OpenAction",
    "/JS",
    "/JavaScript",
    "/EmbeddedFiles",
    "/EmbeddedFile",
    "/EF",
    "/AF",
    "/Metadata",
    "/PieceInfo",
    "/XFA",
    "/RichMediaContent",
)
_SOI: Final = b"\xff\xd8"
_STARTS_PIXELS: Final = 0xDA
_STANDS_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_KEPT_MARKERS: Final = frozenset({0xE0, 0xEE})
"""JFIF and Adobe: they say how colours are meant."""


def rewrite(source: BinaryIO, target: BinaryIO) -> Rewritten:
    """Read a PDF strictly enough, drop what is not for reading, and write it again.

    :raises FileRefused: it is none, is locked, broken, or longer than is taken.
    """
    try:
        with pikepdf.open(source) as pdf:
            _ensure_bounded(pdf)
            for item in _objects(pdf):
                _clean(item)
            if "/Info" in pdf.trailer:
                del pdf.trailer["/Info"]
            pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate, static_id=True)
    except pikepdf.PasswordError as error:
        raise FileRefused("locked", "This PDF has a password; save it without one.") from error
    except (pikepdf.PdfError, ValueError, TypeError, RecursionError) as error:
        raise FileRefused("not_readable", "This PDF is broken; save it again.") from error
    return Rewritten(media_type="application/pdf")


def _ensure_bounded(pdf: pikepdf.Pdf) -> None:
    """Refuse what is locked, empty or endless."""
    if pdf.is_encrypted:
        raise FileRefused("locked", "This PDF is protected; save it without protection.")
    if not 0 < len(pdf.pages) <= PAGES_MAX or len(pdf.objects) > _OBJECTS_MAX:
        raise FileRefused("too_long", f"A PDF has between 1 and {PAGES_MAX} pages.")


def _objects(pdf: pikepdf.Pdf) -> Iterator[Any]:
    """Walk through every dictionary and stream, also those inside others, without recursion."""
    pending: list[Any] = [pdf.trailer.Root, *pdf.objects]
    while pending:
        item = pending.pop()
        if isinstance(item, pikepdf.Array):
            inner = list(item)
        elif isinstance(item, pikepdf.Dictionary | pikepdf.Stream):
            yield item
            inner = [item[key] for key in item.keys()]  # noqa: SIM118 - a stream is not iterable
        else:
            continue
        # What stands in the list of objects is met there.
        pending += [each for each in inner if _is_nested(each)]


def _is_nested(item: Any) -> bool:
    """Say whether an object stands inside another one."""
    nests = isinstance(item, pikepdf.Array | pikepdf.Dictionary)
    return nests and not item.is_indirect


def _clean(item: Any) -> None:
    """Take out of one dictionary what acts, is attached or tells."""
    for key in _DROPPED:
        if key in item:
            del item[key]
    if str(item.get("/S", "")) in _ACTING:
        for key in list(item.keys()):
            del item[key]
    if isinstance(item, pikepdf.Stream) and str(item.get("/Filter", "")) == "/DCTDecode":
        item.write(without_tales(item.read_raw_bytes()), filter=pikepdf.Name.DCTDecode)


def without_tales(jpeg: bytes) -> bytes:
    """Take the segments out of a JPEG that say where and with what it was made."""
    if not jpeg.startswith(_SOI):
        return jpeg
    kept, at = [_SOI], len(_SOI)
    while at + 4 <= len(jpeg) and jpeg[at] == 0xFF:  # noqa: PLR2004 - a marker begins so
        marker = jpeg[at + 1]
        if marker == _STARTS_PIXELS:
            break
        if marker in _STANDS_ALONE or marker == 0xFF:  # noqa: PLR2004 - filling before a marker
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004 - filling before a marker
            continue
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        is_tale = marker == 0xFE or 0xE0 <= marker <= 0xEF  # noqa: PLR2004 - comment, application
        if not is_tale or marker in _KEPT_MARKERS:
            kept.append(jpeg[at:end])
        at = end
    return b"".join([*kept, jpeg[at:]])
