"""Files of strangers are written anew: nothing rides along, and nothing is unpacked without end."""

import asyncio
import io
from pathlib import Path
from typing import Any
from zlib import compress, crc32

import pikepdf
import pytest
from PIL import Image

from server.attachments.rewriting import sandbox
from server.attachments.rewriting.answers import Refused, Rewritten
from server.attachments.rewriting.documents import without_tales
from server.attachments.rewriting.pictures import THUMBNAIL_BYTES, THUMBNAIL_SIDE
from tests.server.attachments.files import HEIC, LATITUDE, bomb, document, drawing, photo

PIXELS = 25_000_000


class Rewriter:
    """Has files rewritten as the server has."""

    def __init__(self, folder: Path) -> None:
        self.source, self.target = folder / "source", folder / "target"

    async def __call__(
        self, content: bytes, media_type: str, *, pixels_max: int = PIXELS
    ) -> tuple[Rewritten | Refused, bytes]:
        """Rewrite a file; give the answer and what was written."""
        self.source.write_bytes(content)
        answer = await sandbox.rewrite(
            self.source, media_type, pixels_max=pixels_max, target=self.target
        )
        return answer, self.target.read_bytes()


@pytest.fixture
def rewrite(tmp_path: Path) -> Rewriter:
    """The process that rewrites."""
    return Rewriter(tmp_path)


async def test_a_photo_tells_no_place_and_stands_upright(rewrite: Rewriter) -> None:
    taken = photo(400, 300) + b"<script>alert(1)</script>"
    assert LATITUDE in Image.open(io.BytesIO(taken)).getexif().get_ifd(0x8825)

    answer, written = await rewrite(taken, "image/jpeg")

    assert isinstance(answer, Rewritten)
    assert (answer.media_type, answer.width, answer.height) == ("image/jpeg", 300, 400)
    kept = Image.open(io.BytesIO(written))
    assert (kept.size, dict(kept.getexif())) == ((300, 400), {})
    for tale in (b"Exif", b"Wang", b"script", b"GPS"):
        assert tale not in written
    assert abs(len(written) - len(taken)) < len(taken) // 10
    small = Image.open(io.BytesIO(answer.thumbnail or b""))
    assert max(small.size) <= THUMBNAIL_SIDE
    assert len(answer.thumbnail or b"") <= THUMBNAIL_BYTES


async def test_pixels_survive(rewrite: Rewriter) -> None:
    drawn = drawing()

    for kind, media_type in (("PNG", "image/png"), ("WEBP", "image/webp")):
        _, written = await rewrite(drawing(kind=kind), media_type)
        kept = Image.open(io.BytesIO(written)).convert("RGBA")
        first = Image.open(io.BytesIO(drawn)).convert("RGBA")
        near = [
            abs(was - now) <= 6
            for was, now in zip(first.getpixel((3, 3)), kept.getpixel((3, 3)), strict=True)  # type: ignore[arg-type] # a pixel of RGBA has four numbers
        ]
        assert all(near), kind


async def test_a_photo_of_an_iphone_becomes_one_that_everything_shows(rewrite: Rewriter) -> None:
    answer, written = await rewrite(HEIC, "image/heic")

    assert isinstance(answer, Rewritten)
    assert (answer.media_type, answer.width, answer.height) == ("image/jpeg", 64, 48)
    kept = Image.open(io.BytesIO(written))
    assert kept.format == "JPEG"
    red, green, blue = kept.convert("RGB").getpixel((20, 20))  # type: ignore[misc] # a pixel of RGB has three numbers
    assert red > 150
    assert max(green, blue) < 90
    assert b"Phone" not in written


async def test_a_pdf_loses_what_acts_is_attached_and_tells(rewrite: Rewriter) -> None:
    given = document(text="app.launchURL('http://x')")

    answer, written = await rewrite(given, "application/pdf")

    assert answer == Rewritten(media_type="application/pdf")
    with pikepdf.open(io.BytesIO(written)) as kept:
        assert len(kept.pages) == 1
        assert not {"/OpenAction", "/Metadata"} & set(kept.Root.keys())
        assert len(kept.attachments) == 0
        assert "/Author" not in kept.docinfo
        (image,) = kept.pages[0].get_images().values()
        assert b"Exif" not in image.read_raw_bytes()
        assert Image.open(io.BytesIO(image.read_raw_bytes())).size == (16, 16)
        everything = b"".join(
            each.unparse() for each in kept.objects if isinstance(each, pikepdf.Dictionary)
        )
    assert b"launchURL" not in everything
    assert b"MZ a program" not in written


def _lie(side: int) -> bytes:
    """Write a PNG that says to be large, and has nothing inside."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4) + kind + body + crc32(kind + body).to_bytes(4)

    head = side.to_bytes(4) * 2 + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", compress(bytes(1000)))


HOSTILE: list[tuple[str, bytes, str, str]] = [
    ("nothing but a head", b"\xff\xd8\xff", "image/jpeg", "not_readable"),
    ("a cut photo", photo(200, 200)[:-2000], "image/jpeg", "not_readable"),
    ("a page as a photo", b"<html><script>", "image/jpeg", "not_readable"),
    ("a photo as a drawing", photo(), "image/png", "not_readable"),
    ("a drawing as a photo", drawing(), "image/jpeg", "not_readable"),
    ("a photo as a document", photo(), "application/pdf", "not_readable"),
    ("a picture without end", bomb(), "image/png", "too_many_pixels"),
    ("a size that is a lie", _lie(2**31 - 1), "image/png", "too_many_pixels"),
    ("a broken document", b"%PDF-1.7\nnothing", "application/pdf", "not_readable"),
    ("a broken iphone", HEIC[:300], "image/heic", "not_readable"),
    ("a head of webp", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp", "not_readable"),
]


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [case[1:] for case in HOSTILE],
    ids=[case[0].replace(" ", "-") for case in HOSTILE],
)
async def test_hostile_files_are_refused(
    rewrite: Rewriter, content: bytes, media_type: str, code: str
) -> None:
    answer, _ = await rewrite(content, media_type)

    assert isinstance(answer, Refused), answer
    assert answer.code == code


async def test_a_locked_pdf_is_refused(rewrite: Rewriter) -> None:
    for user in ("x", ""):
        target = io.BytesIO()
        pdf = pikepdf.new()
        pdf.add_blank_page()
        pdf.save(target, encryption=pikepdf.Encryption(owner="x", user=user))

        answer, _ = await rewrite(target.getvalue(), "application/pdf")

        assert isinstance(answer, Refused)
        assert answer.code == "locked"


async def test_a_process_that_takes_too_much_is_ended(
    rewrite: Rewriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody tells the pixels: the limit of memory alone stands in the way.
    answer, _ = await rewrite(_lie(60_000), "image/png", pixels_max=10**12)
    assert isinstance(answer, Refused)
    assert answer.code == "too_large_inside"

    monkeypatch.setattr(sandbox, "TIME_LIMIT_S", 0.0)
    answer, _ = await rewrite(photo(), "image/jpeg")
    assert isinstance(answer, Refused)


async def test_the_process_sees_no_secret(
    rewrite: Rewriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    real = asyncio.create_subprocess_exec

    async def watched(*arguments: Any, **options: Any) -> Any:
        given.update(options)
        return await real(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    monkeypatch.setenv("TONGLU_SECRET", "never told")

    await rewrite(photo(), "image/jpeg")

    assert set(given["env"]) == {"PYTHONPATH", "PYTHONUTF8"}


def test_the_tales_of_a_jpeg_are_cut_without_touching_its_pixels() -> None:
    taken = photo(64, 48)

    bare = without_tales(taken)

    assert b"Exif" in taken
    assert b"Exif" not in bare
    assert b"taken by Wang" not in bare
    was, now = (Image.open(io.BytesIO(each)).convert("RGB") for each in (taken, bare))
    assert was.tobytes() == now.tobytes()
    for broken in (b"", b"\xff\xd8", taken[:30], b"\xff\xd8\xff\xe1\xff\xff", b"no"):
        assert isinstance(without_tales(broken), bytes)
