"""Every page in every state: read by axe, squeezed to 320 pixels, and photographed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from browser.app import App
from browser.conftest import PHONE, Watch, new_context
from browser.gallery import ENGLISH_ONLY, STATES, Visitor
from browser.pages import sideways_scroll
from harness import REPOSITORY, Server

PICTURES = Path(os.environ.get("DENWA_SCREENSHOTS") or REPOSITORY / "var" / "screenshots")

WIDTHS = {320: 640, 390: 844, 1280: 800}

#: Nobody can be kept out by these.
HARMLESS = {"minor", "moderate", None}


@dataclass
class Shown:
    """One page on the screen."""

    page: Page
    state: str
    locale: str

    def resize(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": WIDTHS[width]})


@pytest.fixture(scope="module")
def patient_site(tmp_path_factory: pytest.TempPathFactory, app: App) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("site"), environment={"DENWA_LIMITS_RESEND_COOLDOWN_SECONDS": "3599"})
    running.write_clients(app.clients(running))
    try:
        yield running.start()
    finally:
        running.dispose()


@pytest.fixture(scope="module")
def watched_visitor(
    chromium: Browser, site: Server, patient_site: Server, app: App
) -> Iterator[Callable[[str], tuple[Visitor, Watch]]]:
    """One window for each language: to open a window takes longer than to open a page."""
    windows: dict[str, tuple[Visitor, Watch]] = {}

    def find(locale: str) -> tuple[Visitor, Watch]:
        if locale not in windows:
            watch = Watch()
            context = new_context(chromium, watch, locale=locale)
            windows[locale] = Visitor(site, patient_site, app, context.new_page(), locale), watch
        return windows[locale]

    yield find
    for visitor, _ in windows.values():
        visitor.page.context.close()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((state, locale), id=f"{state}-{locale}")
        for locale in ("en", "ja", "ar")
        for state in STATES
        if locale == "en" or state not in ENGLISH_ONLY
    ],
)
def shown(
    request: pytest.FixtureRequest, watched_visitor: Callable[[str], tuple[Visitor, Watch]]
) -> Iterator[Shown]:
    """Reached once, and then looked at by each of the tests."""
    state, locale = request.param
    visitor, watch = watched_visitor(locale)
    visitor.page.set_viewport_size(PHONE)
    yield Shown(STATES[state](visitor).page, state, locale)
    watch.check()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_that_keeps_people_out(shown: Shown, scheme: str):
    shown.page.emulate_media(color_scheme=scheme)
    # In the dark only the colours are others.
    rules = {"runOnly": {"type": "rule", "values": ["color-contrast"]}} if scheme == "dark" else {}
    violations = Axe().run(shown.page, options={"resultTypes": ["violations"]} | rules).response["violations"]
    assert [told(violation) for violation in violations if violation["impact"] not in HARMLESS] == []


def told(violation: dict[str, Any]) -> str:
    nodes = "; ".join(node["html"] + " " + node["failureSummary"] for node in violation["nodes"])
    return f"{violation['impact']}: {violation['id']}: {violation['help']}: {nodes}"


def test_the_page_says_what_it_is(shown: Shown):
    expect(shown.page.get_by_role("heading", level=1)).to_have_count(1)
    html = shown.page.locator("html")
    expect(html).to_have_attribute("lang", shown.locale)
    if shown.state not in ENGLISH_ONLY:
        expect(html).to_have_attribute("dir", "rtl" if shown.locale == "ar" else "ltr")
    assert shown.page.title().strip()


def test_nothing_scrolls_sideways(shown: Shown):
    shown.resize(320)
    assert sideways_scroll(shown.page) <= 0


def test_what_is_touched_is_large_enough_to_be_hit(shown: Shown):
    """44 pixels, of the pages for people; links inside a sentence are as high as their line."""
    if shown.state in ENGLISH_ONLY:
        return
    shown.resize(320)
    controls = shown.page.locator("button, select, input:not([type=hidden]), a.go, a.other, a.quiet")
    for control in controls.all():
        if box := control.bounding_box():
            assert box["height"] >= 44 and box["width"] >= 44, control.evaluate("element => element.outerHTML")


def test_larger_letters_only_make_the_page_longer(shown: Shown):
    """WCAG 2.2 §1.4.4: text can be doubled without loss."""
    if shown.state in ENGLISH_ONLY:
        return
    shown.resize(390)
    shown.page.evaluate("document.documentElement.style.fontSize = '200%'")
    try:
        assert sideways_scroll(shown.page) <= 0
    finally:
        shown.page.evaluate("document.documentElement.style.fontSize = ''")


def test_its_pictures_are_taken(shown: Shown):
    for width in WIDTHS:
        shown.resize(width)
        for scheme in ("light", "dark"):
            shown.page.emulate_media(color_scheme=scheme)
            path = PICTURES / f"{shown.state}-{shown.locale}-{scheme}-{width}.png"
            shown.page.screenshot(path=path, full_page=True, animations="disabled")
            assert path.stat().st_size > 0
