"""Languages, directions, colours and brands; what a page weighs, and where it comes from."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Any, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from browser.app import App
from browser.conftest import Asks, Person
from browser.pages import LOCALES, SignIn, text
from harness import Server, phone_client, six_digits_other_than

#: All that the first page of a sign-in may weigh, uncompressed.
FIRST_VIEW = 30_000

#: What a browser in that language sends.
BROWSER_LOCALE = {"en": "en-US", "ja": "ja-JP", "zh-Hans": "zh-CN", "pt": "pt-BR"}


def colour(page: Page, selector: str, name: str) -> tuple[int, ...]:
    written = page.locator(selector).first.evaluate("(element, name) => getComputedStyle(element)[name]", name)
    return tuple(int(part) for part in re.findall(r"\d+", written)[:3])


def contrast(a: tuple[int, ...], b: tuple[int, ...]) -> float:
    """WCAG 2.2."""
    def luminance(rgb: tuple[int, ...]) -> float:
        linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def png(red: int, green: int, blue: int, size: int = 64) -> bytes:
    """A square of one colour."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes((red, green, blue)) * size) * size
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# MARK: languages


@pytest.mark.parametrize("locale", ["ja", "ar", "zh-Hans"])
def test_a_login_in_the_language_of_the_browser(person: Person, asks: Asks, locale: str):
    somebody, request = person(locale=BROWSER_LOCALE.get(locale, locale)), asks("shop")
    somebody.locale = locale
    somebody.open(request)
    html = somebody.page.locator("html")
    expect(html).to_have_attribute("lang", locale)
    expect(html).to_have_attribute("dir", "rtl" if locale == "ar" else "ltr")
    expect(somebody.heading()).to_have_text(text(locale, "phone", "heading", app="Paper Shop"))
    somebody.send_number()
    somebody.expect_code_page()
    assert "{" not in somebody.page.locator("main").inner_text(), "no placeholder is left"
    assert somebody.server.outbox.wait(somebody.number)["locale"] == locale
    somebody.type_code(somebody.texted_code())
    somebody.expect_consent_page(request)
    somebody.button("consent", "allow").click()
    somebody.expect_app(request)


def test_the_app_may_wish_for_a_language(person: Person, asks: Asks):
    somebody = person()
    somebody.locale = "ja"
    request = asks("game", ui_locales="tlh ja en")
    somebody.reach_code_page(request)
    expect(somebody.page.locator("html")).to_have_attribute("lang", "ja")
    assert somebody.server.outbox.wait(somebody.number)["locale"] == "ja"
    somebody.type_code(six_digits_other_than(somebody.texted_code()))
    expect(somebody.problem).to_have_text(text("ja", "code", "wrong"))


def test_a_language_that_is_not_there_is_english(person: Person, asks: Asks):
    somebody = person(locale="tlh")
    somebody.open(asks("game"))
    somebody.expect_number_page()
    expect(somebody.page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize(
    ("locale", "country"),
    [("en-GB", "GB"), ("ja", "JP"), ("de-AT", "AT")],
)
def test_the_country_is_guessed_from_the_language(person: Person, asks: Asks, locale: str, country: str):
    somebody = person(locale=locale)
    somebody.open(asks("game"))
    expect(somebody.page.locator("#country")).to_have_value(country)


def test_numbers_read_from_left_to_right_in_arabic(person: Person, asks: Asks):
    somebody = person(words="ar")
    somebody.open(asks("shop"))
    expect(somebody.number_field).to_have_css("direction", "ltr")
    somebody.send_number()
    somebody.expect_code_page()
    expect(somebody.code_field).to_have_css("direction", "ltr")
    sent = somebody.page.locator("#sent").text_content() or ""
    assert re.search(r"\u2066\+81[^\u2069]*\u2069", sent), "the number stands in isolates"


def test_the_form_runs_from_right_to_left_in_arabic(person: Person, asks: Asks):
    somebody = person(words="ar")
    somebody.open(asks("game"))
    field = somebody.country_field.bounding_box()
    label = somebody.page.locator("label[for=country]").bounding_box()
    assert field and label
    assert label["x"] + label["width"] / 2 > field["x"] + field["width"] / 2


# MARK: light and dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_system(person: Person, asks: Asks, scheme: str):
    somebody = person(color_scheme=scheme)
    somebody.open(asks("game"))
    page, ink = colour(somebody.page, "body", "backgroundColor"), colour(somebody.page, "h1", "color")
    assert (sum(page) < 200) == (scheme == "dark")
    assert (sum(ink) > 500) == (scheme == "dark")
    assert contrast(page, ink) >= 7


def test_nothing_turns_for_people_who_asked_for_rest(person: Person, asks: Asks):
    somebody = person(reduced_motion="reduce")
    somebody.open(asks("game"))
    moving = somebody.page.evaluate(
        """() => { document.querySelector("form").setAttribute("aria-busy", "true");
                   return document.getAnimations().length }""")
    assert moving == 0


def test_forced_colours_leave_the_controls_to_be_seen(person: Person, asks: Asks):
    somebody = person(forced_colors="active")
    somebody.open(asks("game"))
    for control in (somebody.button("phone", "submit"), somebody.page.locator(".fields")):
        assert control.evaluate("element => getComputedStyle(element).borderTopStyle") == "solid"
    expect(somebody.number_field).to_be_visible()


# MARK: brands


@pytest.fixture
def branded(start_site, app: App) -> Server:
    def clients(server: Server) -> list[dict[str, Any]]:
        logo = server.directory / "logo.png"
        logo.write_bytes(png(200, 30, 60))
        return [
            phone_client(
                "brand", client_name="Roses", redirect_uris=[app.callback("brand")], brand_color="#c81e3c",
                logo_file=str(logo)),
            phone_client(
                "pale", client_name="Snow", redirect_uris=[app.callback("pale")], brand_color="#fff3a0"),
            phone_client("plain", client_name="plain", redirect_uris=[app.callback("plain")]),
        ]

    return start_site(clients=clients, DENWA_BRANDING_NAME="Sakura ID")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_client_brings_its_colour_and_logo(branded: Server, person: Person, asks: Asks, scheme: str):
    somebody = person(server=branded, color_scheme=scheme)
    somebody.open(asks("brand", server=branded))
    logo = somebody.page.locator("img.logo")
    expect(logo).to_be_visible()
    assert logo.evaluate("image => image.naturalWidth") == 64
    button = colour(somebody.page, "button.go", "backgroundColor")
    assert button[0] > 150 and button[0] > 2 * button[2]
    if scheme == "light":
        assert button == (200, 30, 60)
    assert contrast(button, colour(somebody.page, "button.go", "color")) >= 4.5
    expect(somebody.page.locator("footer")).to_have_text("Sakura ID")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_colour_that_could_not_be_seen_is_moved_until_it_can(
    branded: Server, person: Person, asks: Asks, scheme: str
):
    somebody = person(server=branded, color_scheme=scheme)
    somebody.open(asks("pale", server=branded))
    button = colour(somebody.page, "button.go", "backgroundColor")
    assert contrast(button, colour(somebody.page, "body", "backgroundColor")) >= 3
    assert contrast(button, colour(somebody.page, "button.go", "color")) >= 4.5


def test_a_client_without_a_logo_shows_its_initial(branded: Server, person: Person, asks: Asks):
    somebody = person(server=branded)
    somebody.open(asks("plain", server=branded))
    expect(somebody.page.locator("span.logo")).to_have_text("P")
    expect(somebody.page.locator("span.logo")).to_have_attribute("aria-hidden", "true")


def test_brands_keep_to_the_policy_and_the_budget(branded: Server, person: Person, asks: Asks):
    somebody = person(server=branded)
    weight = first_view(somebody, asks("brand", server=branded).url)
    assert weight < FIRST_VIEW


# MARK: weight and origin


def first_view(somebody: SignIn, url: str) -> int:
    """Bytes of all that the first page brings along, and that none of it comes from elsewhere."""
    responses: list[Response] = []
    somebody.page.on("response", lambda response: responses.append(response))
    somebody.page.goto(url, wait_until="networkidle")
    origins = {"://".join(urlsplit(response.url)[:2]) for response in responses}
    assert origins == {somebody.server.url}
    assert all(response.status == 200 for response in responses), [response.url for response in responses]
    return sum(len(response.body()) for response in responses)


@pytest.mark.parametrize("locale", LOCALES)
def test_the_first_view_is_light_and_whole_in_every_language(person: Person, asks: Asks, locale: str):
    somebody = person(locale=BROWSER_LOCALE.get(locale, locale))
    assert first_view(somebody, asks("game").url) < FIRST_VIEW
    expect(somebody.page.locator("html")).to_have_attribute("lang", locale)
    options = somebody.page.locator("#country option").evaluate_all(
        "options => options.map((option) => [option.value, option.label.trim()])")
    assert len(options) == len({code for code, _ in options}) == 245
    assert all(re.search(r"\S.* \u200e?\+\d{1,4}$", label) for _, label in options)
    expect(somebody.page.locator("#country option[selected]")).to_have_count(1)


def transferred(page: Page) -> list[int]:
    """Bytes that came over the network for each of the page's resources."""
    return page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.transferSize)")


def test_the_second_view_asks_for_the_page_only(person: Person, asks: Asks):
    """Styles and script have addresses of their own for each version, so browsers keep them."""
    somebody = person()
    somebody.page.goto(asks("game").url, wait_until="networkidle")
    assert min(transferred(somebody.page)) > 0
    somebody.page.goto(asks("game").url, wait_until="networkidle")
    assert max(transferred(somebody.page)) == 0


@pytest.fixture
def unwatched(chromium: Browser) -> Iterator[Page]:
    """A page on which something forbidden is tried."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def test_the_policy_stops_what_is_not_the_pages_own(unwatched: Page, asks: Asks):
    """And the console says so, which is what every other test listens for."""
    heard: list[str] = []
    unwatched.on("console", lambda message: heard.append(message.text))
    unwatched.goto(asks("game").url)
    unwatched.evaluate(
        """() => {
             const script = document.createElement("script");
             script.textContent = "window.ran = true";
             document.head.append(script);
             document.body.setAttribute("style", "color: red");
             document.body.append(Object.assign(new Image(), { src: "https://elsewhere.example/x.png" }));
           }""")
    assert unwatched.evaluate("window.ran") is None
    expect(unwatched.locator("body")).not_to_have_css("color", "rgb(255, 0, 0)")
    assert len([line for line in heard if re.search("content security policy", line, re.I)]) == 3


def test_a_page_of_ours_shows_in_no_frame(unwatched: Page, app: App, asks: Asks):
    unwatched.goto(app.callback("game"))
    unwatched.evaluate(
        """url => new Promise((done) => {
             const frame = Object.assign(document.createElement("iframe"), { src: url, onload: done, onerror: done });
             document.body.append(frame);
           })""", asks("game").url)
    (frame,) = unwatched.main_frame.child_frames
    assert frame.locator("input").count() == 0
