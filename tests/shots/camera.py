"""A browser that signs in as whom a page is for, and photographs it at each width in each theme."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from agents.demo import AGENT_SLUG, PASSWORD
from tests.browser import find_chromium

HEIGHTS = {1440: 900, 1024: 768, 390: 844}
SETTLE_MS = 150
WAIT_MS = 10_000


def nothing(_page: Page) -> None:
    """The page as it comes."""


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A page and who looks at it: a sign-in's address, a customer's address, or nobody.

    `whole` photographs the page to its end, otherwise what a window shows; `act` is done before.
    """

    name: str
    path: str
    who: str = "support@demo.example"
    whole: bool = False
    act: Callable[[Page], None] = nothing


class Camera:
    def __init__(self, base_url: str, *, out: Path, widths: str, themes: str, plain_names: bool = False) -> None:
        self.base_url = base_url
        self.out = out
        self.widths = [int(width) for width in widths.split(",")]
        self.themes = themes.split(",")
        self.plain_names = plain_names
        self.taken = 0
        #: Pages that are wider than their window, as "name at so many px".
        self.sideways: list[str] = []

    def take(self, shots: Sequence[Shot]) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        with running_browser() as browser:
            for width in self.widths:
                windows: dict[str, Page] = {}
                for shot in shots:
                    if shot.who not in windows:
                        windows[shot.who] = self.open_window(browser, shot.who, width)
                    try:
                        self.photograph(windows[shot.who], shot, width)
                    except PlaywrightError as error:
                        raise RuntimeError(f"{shot.name} at {width} px: {error}") from error
                for page in windows.values():
                    page.context.close()

    def open_window(self, browser: Browser, who: str, width: int) -> Page:
        """A window of its own for each who looks, signed in."""
        context = browser.new_context(
            base_url=self.base_url,
            viewport={"width": width, "height": HEIGHTS.get(width, 900)},
            has_touch=width < 640,
            is_mobile=width < 640,
            reduced_motion="reduce",
            locale="en-GB",
        )
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        if who:
            sign_in(page, who)
        return page

    def photograph(self, page: Page, shot: Shot, width: int) -> None:
        page.goto(shot.path, wait_until="load")
        page.evaluate("document.fonts.ready")
        shot.act(page)
        page.wait_for_timeout(SETTLE_MS)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            self.sideways.append(f"{shot.name} at {width} px")
        if shot.whole:
            self.grow(page, width)
        for theme in self.themes:
            page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            name = f"{shot.name}.png" if self.plain_names else f"{shot.name}-{width}-{theme}.png"
            page.screenshot(path=self.out / name, animations="disabled")
            self.taken += 1
        page.mouse.move(0, 0)
        page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, 900)})

    def grow(self, page: Page, width: int) -> None:
        """A window as high as the page, so that what sticks to its edges stands at the page's own."""
        height = page.evaluate("document.documentElement.scrollHeight")
        page.set_viewport_size({"width": width, "height": max(height, HEIGHTS.get(width, 900))})
        page.wait_for_timeout(SETTLE_MS)


@contextmanager
def running_browser() -> Iterator[Browser]:
    arguments = ["--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"]
    # Chromium's own sandbox does not start as root.
    arguments += ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, who: str) -> None:
    if who.endswith("@demo.example"):
        page.goto("/accounts/login/")
        page.get_by_label("Email").fill(who)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
    else:
        page.goto(f"/chat/{AGENT_SLUG}/")
        page.locator(f'button[value="{who}"]').click()
        page.wait_for_load_state()
