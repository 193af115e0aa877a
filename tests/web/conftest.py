"""A real browser whose pages record requests and errors."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, async_playwright, expect

# A page that takes 4 s on an idle machine takes several times that beside other tests.
PATIENCE = 30_000  # milliseconds
NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Visit:
    """A page with its requests and errors."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("request", self._note)
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)

    @property
    def strangers(self) -> list[str]:
        """Requests to other origins."""
        return [url for url in self.asked if not url.startswith((self.url + "/", "data:"))]

    async def open(self, path: str) -> Page:
        await self.page.goto(self.url + path)
        return self.page


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("continuous integration must have a browser")
        pytest.skip("no Chromium on this machine: apt-get install --no-install-recommends chromium")
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=found, args=SWITCHES)
        yield browser
        await browser.close()


@pytest.fixture
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A phone whose owner reads English, with nothing stored yet."""
    context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    context.set_default_timeout(PATIENCE)
    yield context
    await context.close()


@pytest.fixture
async def visit(context: BrowserContext, live_url: str) -> Visit:
    return Visit(await context.new_page(), live_url)
