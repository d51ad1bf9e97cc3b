"""What is refused is told in the reader's words, and says what is missing."""

from typing import Any

import httpx
import pytest
from litestar import Litestar, get

from billing.accounting_vouchers.rules.posting import PostingUnmapped
from partner_portal import assets, failures
from partner_portal.rendering import Renderer
from partner_portal.words import Language, catalogue
from server.kit.errors import Unavailable
from server.kit.typesetting import NoChineseFont


async def told(refusal: Exception, language: str) -> str:
    """Have a page refuse, and give what its reader sees."""

    @get("/paper.pdf", sync_to_thread=False)
    def paper() -> None:
        raise refusal

    app = Litestar([paper], exception_handlers=failures.HANDLERS)
    app.state.renderer = Renderer(assets.load())
    asgi: Any = app
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(asgi),
        base_url="http://portal",
        cookies={"language": language},
    ) as browser:
        answer = await browser.get("/paper.pdf")
    assert answer.status_code == 503
    return answer.text


@pytest.mark.parametrize(
    ("language", "title", "busy"),
    [("zh-CN", "缺少中文字体", "忙不过来"), ("en", "no Chinese font", "Busy right now")],
)
async def test_a_paper_that_lacks_its_font_says_what_to_install(
    language: str, title: str, busy: str
) -> None:
    seen = await told(NoChineseFont("Install one."), language)

    assert title in seen
    assert "fonts-noto-cjk" in seen
    assert busy not in seen
    assert busy in await told(Unavailable("Come again."), language)


def test_what_the_books_name_stands_behind_the_readers_words() -> None:
    about = "commission · commission.earned · 2026-03-31 · 1002"
    refusal = PostingUnmapped("No posting rule says where it goes.", about=about)

    said = failures.declined(catalogue(Language.CHINESE), refusal)
    why = "有账户没有入账规则，请先添加规则，没有生成任何凭证"
    assert said == f"{why} (应付佣金 · 佣金确认 · 2026-03-31 · 1002)"
