"""What the stories in a browser have in common: signing in, looking, measuring."""

import os
import re
from pathlib import Path
from typing import Final

import msgspec
from playwright.async_api import BrowserContext, ConsoleMessage, Page

from server.access import Actor
from server.identity import service as identity
from server.kit import clock
from tests.factories import login_of

MEASURE: Final = Path(__file__).with_name("measure.js")
PASSWORD: Final = "correct horse 1729 staple"
ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
]


class Site(msgspec.Struct, frozen=True):
    """Where the product is served."""

    url: str


def watch(page: Page) -> list[str]:
    """Collect what a page complains of: errors, warnings, violations of its own policy."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # What a refusal answers with is the story's business, not the console's.
        is_answer = message.text.startswith("Failed to load resource: the server responded")
        if message.type in {"error", "warning"} and not is_answer:
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


async def open_page(page: Page, path: str) -> None:
    """Go to a page and wait until its scripts are there."""
    await page.goto(path)
    await page.wait_for_selector("html[data-ready]")


async def sign_in(page: Page, who: Actor, *, wanted: str = "/") -> None:
    """Sign in through the entrance, as a person does."""
    await open_page(page, f"/sign-in?next={wanted}")
    await page.fill("[name=login]", login_of(who))
    await page.fill("[name=password]", PASSWORD)
    await page.click("form.panel button[type=submit]")
    await page.wait_for_selector("html[data-ready] .side, html[data-ready] .oops")


async def let_in(context: BrowserContext, site: Site, who: Actor) -> None:
    """Give the browser a session without the entrance, which has its own stories."""
    signed_in = await identity.web_sign_in(
        login_of(who), PASSWORD, address="127.0.0.1", now=clock.now()
    )
    await context.add_cookies(
        [
            {
                "name": signed_in.cookie_name,
                "value": signed_in.token,
                "url": site.url,
                "httpOnly": True,
            }
        ]
    )


async def press_surely(page: Page, name: str) -> None:
    """Press what cannot be undone, and again where it asks."""
    await page.get_by_role("button", name=name).click()
    await shoot(page, f"asked-{name}")
    await page.get_by_role("dialog").get_by_role("button", name=name).click()


async def dress(page: Page, theme: str) -> None:
    """Show the open page by day or by night."""
    await page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)


async def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page as it stands, where somebody wants to look at it."""
    if folder := os.environ.get("TONGLU_SHOTS"):
        plain = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "one", name).strip("/")
        plain = re.sub(r"[/?&=]", "-", plain)
        await page.screenshot(path=Path(folder) / f"{plain}.png", full_page=True)


async def look(page: Page, path: str, axe: tuple[str, str] | None = None) -> None:
    """Look at a page as people have it on a phone; wide and in English for a picture alone."""
    sizes = [("zh-CN", 360)]
    if "TONGLU_SHOTS" in os.environ:
        sizes = [("en", 1440), ("zh-CN", 1440), *sizes]
    for language, width in sizes:
        home = "/".join(page.url.split("/")[:3])
        await page.context.add_cookies([{"name": "language", "value": language, "url": home}])
        await page.set_viewport_size({"width": width, "height": 900})
        await open_page(page, path)
        await shoot(page, f"{path}-{language}-{width}")
        assert await too_wide(page) == [], path
        assert await crowded(page) == [], path
    assert await too_small(page) == [], path
    if axe is not None:
        found = await violations(page, axe, "zh-CN")
        assert found == [], f"{path}: {found}"
    await page.set_viewport_size({"width": 1440, "height": 900})


async def too_wide(page: Page) -> list[str]:
    """Name what sticks out of the page on the right."""
    return await _measured(page, "measure.tooWide()")


async def crowded(page: Page) -> list[str]:
    """Name what has more text than room."""
    return await _measured(page, "measure.crowded()")


async def too_small(page: Page) -> list[str]:
    """Name what a finger would miss."""
    return await _measured(page, "measure.tooSmall()")


async def violations(page: Page, axe: tuple[str, str], language: str) -> list[str]:
    """Ask axe what keeps people from using the page."""
    script, chinese = axe
    await page.evaluate(script)
    return await _measured(
        page, "words => measure.violations(words)", chinese if language == "zh-CN" else None
    )


async def colours(page: Page) -> list[str]:
    """Ask axe what is hard to tell from its ground, on a page that it was asked about before."""
    return await _measured(page, "measure.colours()")


async def _measured(page: Page, question: str, argument: str | None = None) -> list[str]:
    """Ask measure.js, which the page's own policy would not let in by a script tag."""
    await page.evaluate(MEASURE.read_text(encoding="utf-8"))
    found: list[str] = await page.evaluate(question, argument)
    return found
