"""The studio page in a real browser: upload, request, result, an honest refusal, cancel. Pictures go to build/pictures."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.e2e.command import Reel, bearer

pytestmark = pytest.mark.long

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PICTURES = Path("build/pictures").absolute()


@pytest.fixture
async def page(reel: Reel) -> AsyncIterator[Page]:
    """A browser's page, which must not complain of anything."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "Chromium is missing"
        pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        made = await browser.new_page(viewport={"width": 1100, "height": 1200})
        errors: list[str] = []
        made.on("pageerror", lambda error: errors.append(str(error)))
        yield made
        await browser.close()
        assert errors == []


async def picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


async def test_a_person_edits_a_clip(reel: Reel, clip: Path, page: Page) -> None:
    with reel.up():
        await page.goto(reel.server()["url"])
        await page.set_input_files("#file", clip)
        await page.fill("#prompt", "keep seconds 3 to 8, make it 90p, fade out at the end")
        await page.click("#go")
        await expect(page.locator("#result")).to_be_visible(timeout=60_000)
        await expect(page.locator("#facts")).to_contain_text("160 × 90, 5 s")
        await page.wait_for_function("document.getElementById('video').readyState >= 1")
        await picture(page, "studio-result")
        await page.fill("#prompt", "make it sing")
        await page.click("#go")
        await expect(page.locator("#problem")).to_be_visible(timeout=60_000)
        await expect(page.locator("#problem-detail")).to_contain_text("sing")
        await picture(page, "studio-refusal")
        await page.fill("#prompt", "only the first 2 seconds")
        await page.click("#go")
        await expect(page.locator("#facts")).to_contain_text("160 × 90, 2 s", timeout=60_000)
        await expect(page.locator("#versions li")).to_have_count(3)


async def test_a_person_cancels(reel: Reel, long_clip: Path, page: Page) -> None:
    with reel.up():
        await page.goto(reel.server()["url"])
        await page.set_input_files("#file", long_clip)
        await page.fill("#prompt", "make it 2160p")
        await page.click("#go")
        await expect(page.locator("#stage")).to_have_text("run", timeout=60_000, ignore_case=True)
        await picture(page, "studio-progress")
        await page.click("#cancel")
        await expect(page.locator("#problem-title")).to_contain_text("cancelled", timeout=10_000)


async def test_where_a_token_is_wanted_the_page_asks_for_it(reel: Reel, clip: Path, page: Page) -> None:
    with reel.up("--host", "0.0.0.0"):
        server = reel.server()
        await page.goto(server["url"])
        await expect(page.locator("#key")).to_be_visible()
        await page.fill("#token", server["token"])
        await page.click("#key button")
        await expect(page.locator("#key")).to_be_hidden()
        await page.set_input_files("#file", clip)
        await page.fill("#prompt", "only the first 2 seconds")
        await page.click("#go")
        await expect(page.locator("#result")).to_be_visible(timeout=60_000)
        await page.wait_for_function("document.getElementById('video').readyState >= 1")
        assert bearer(server["token"])
