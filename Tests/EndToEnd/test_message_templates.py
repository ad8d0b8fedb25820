"""What texts say: templates of the operator's own, in which language, and that callers write none of it."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from harness import Server, code_in, eventually, fresh_number, phone_client
from providers.scripted import encoding_of, segments_of, units_of

LANGUAGES = ["ar", "de", "en", "es", "fr", "ja", "ko", "pt", "zh-Hans"]

TEMPLATES = [
    {"purpose": "sign_in_code", "text": "FILE-EN {code} for {app}, {minutes} min"},
    {"purpose": "sign_in_code", "locale": "ja", "text": "FILE-JA {code}"},
    {"purpose": "sign_in_code", "locale": "de-AT", "text": "FILE-DE-AT {code}"},
    {"purpose": "sign_in_code", "channel": "sms", "client": "game", "locale": "ja", "text": "GAME-JA {code}"},
    {"purpose": "sign_in_code", "client": "game", "locale": "de", "text": "GAME-DE {code}"},
    {"purpose": "sign_in_code", "client": "own-english", "text": "OWN-EN {code}"},
    {"purpose": "sign_in_code_and_link", "text": "FILE-LINK {code} or {link}"},
    {"purpose": "sign_in_code_and_link", "client": "game", "locale": "ja", "text": "GAME-LINK {link} {code}"},
    {"purpose": "sign_in_code", "channel": "email", "subject": "FILE-SUBJECT", "text": "FILE-MAIL {code}"},
]

CLIENTS = [
    phone_client("game", link_uris=["https://game.example/open"]),
    phone_client("plain", link_uris=["https://plain.example/open"]),
    phone_client("own-english"),
    phone_client("korean", default_locale="ko"),
    phone_client("marked", client_name="Marked", webotp_domain="login.marked.example",
                 android_app_hash="FA+9qCX9VSu"),
]


def write(server: Server, templates: Any) -> Path:
    path = server.directory / "templates.json"
    content = templates if isinstance(templates, str) else json.dumps({"templates": templates})
    path.write_text(content)
    server.environment["DENWA_MESSAGING_TEMPLATES_FILE"] = str(path)
    return path


def texted(server: Server, client: str, wishes: str | None = None, **more: Any) -> dict[str, Any]:
    """The text that this client's person gets."""
    login = server.login(client)
    if wishes is not None:
        login.query = {"ui_locales": wishes}
    reply = login.request(**more)
    assert reply.status_code == 200, reply.text
    return login.text()


def body_of(server: Server, client: str, wishes: str | None = None, **more: Any) -> str:
    """The same without its code."""
    text = texted(server, client, wishes, **more)
    return text["body"].replace(code_in(text), "…")


@pytest.fixture(scope="module")
def worded(start_module_server) -> Server:
    server = start_module_server(clients=CLIENTS, started_=False)
    write(server, TEMPLATES)
    return server.start()


# MARK: which template


@pytest.mark.parametrize(
    ("client", "wishes", "body"),
    [
        pytest.param("plain", None, "FILE-EN … for Client plain, 3 min", id="no wish"),
        pytest.param("plain", "en", "FILE-EN … for Client plain, 3 min", id="English"),
        pytest.param("plain", "en-GB", "FILE-EN … for Client plain, 3 min", id="a kind of English"),
        pytest.param("plain", "ja", "FILE-JA …", id="the file's"),
        pytest.param("game", "ja", "GAME-JA …", id="the client's own comes before the file's"),
        pytest.param("game", "ja-JP", "GAME-JA …", id="shortened until it fits"),
        pytest.param("game", "ja-Jpan-JP-x-osaka", "GAME-JA …", id="shortened more than once"),
        pytest.param("game", "JA-jp", "GAME-JA …", id="in any case"),
        pytest.param("game", "de-CH", "GAME-DE …", id="the client's in the shorter tag"),
        pytest.param("game", "de-AT", "FILE-DE-AT …", id="the longest match comes before the client's"),
        pytest.param("plain", "de-AT-1901", "FILE-DE-AT …", id="the longest match of a longer wish"),
        pytest.param("game", "en", "FILE-EN … for Client game, 3 min", id="the client has none in English"),
        pytest.param("own-english", "tlh", "OWN-EN …", id="a wish that nobody has"),
        pytest.param("own-english", "tlh ja", "FILE-JA …", id="the next wish"),
        pytest.param("own-english", "de-AT ja", "FILE-DE-AT …", id="the first wish of two"),
    ],
)
def test_the_longest_match_of_the_wishes_decides(worded: Server, client: str, wishes: str, body: str):
    assert body_of(worded, client, wishes) == body


@pytest.mark.parametrize(
    ("client", "wishes", "language"),
    [("plain", "de", "de"), ("plain", "fr-CA", "fr"), ("korean", "tlh", "ko")],
)
def test_a_language_that_only_the_server_has_is_still_had(
    worded: Server, server: Server, client: str, wishes: str, language: str
):
    ours = body_of(worded, client, wishes)
    assert "FILE" not in ours
    assert ours == body_of(server, "40017", language).replace("Client 40017", f"Client {client}")


def test_the_reported_locale_is_the_templates(worded: Server):
    assert texted(worded, "game", "ja-JP")["locale"] == "ja"
    assert texted(worded, "game", "de-AT-1901")["locale"] == "de-AT"
    assert texted(worded, "game", "x-evil")["locale"] == "en"


def test_a_link_has_templates_of_its_own(worded: Server):
    link = {"send_link": True, "link_url": "https://game.example/open"}
    body = texted(worded, "game", "ja", **link)["body"]
    assert re.fullmatch(r"GAME-LINK https://game\.example/open\?\S+ \d{6}", body)
    body = texted(worded, "plain", "en", send_link=True, link_url="https://plain.example/open")["body"]
    assert re.fullmatch(r"FILE-LINK \d{6} or https://plain\.example/open\?\S+", body)
    assert texted(worded, "game", "ja")["body"].startswith("GAME-JA ")


def test_the_server_adds_the_lines_for_web_and_android(worded: Server):
    for wishes, beginning in ((None, "FILE-EN"), ("ja", "FILE-JA"), ("fr", "")):
        text = texted(worded, "marked", wishes)
        lines = text["body"].splitlines()
        assert lines[0].startswith(beginning)
        assert lines[-1] == f"@login.marked.example #{code_in(text)}"
        assert "FA+9qCX9VSu" in lines[1:-1]


def test_a_text_of_the_file_signs_in(worded: Server):
    assert worded.login("game", query={"ui_locales": "ja"}).token().status_code == 200


@pytest.mark.parametrize(("lifetime", "minutes"), [("600", "10"), ("150", "2"), ("59", "1"), ("3600", "60")])
def test_the_minutes_are_the_configured_ones(start_server, lifetime: str, minutes: str):
    server = start_server(started_=False, DENWA_PHONE_CODE_LIFETIME_SECONDS=lifetime)
    write(server, [{"purpose": "sign_in_code", "text": "{code} in {minutes} min"}])
    server.start()
    assert body_of(server, "40017") == f"… in {minutes} min"
    assert re.search(rf"(?<!\d){minutes}(?!\d)", body_of(server, "40017", "ja"))


# MARK: files that cannot be taken


GOOD = {"purpose": "sign_in_code", "locale": "ja", "text": "{code}"}

#: What is wrong with the second of two entries, and what the refusal names besides the entry.
BAD = {
    "no code": ({"text": "hello {app}"}, r"\bcode\b"),
    "a placeholder nobody knows": ({"text": "{code} {name}"}, r"name"),
    "a placeholder in the wrong case": ({"text": "{code} {App}"}, r"App"),
    "something else in braces": ({"text": "{code} {0}"}, r"\{0\}"),
    "empty braces": ({"text": "{code} {}"}, r"\{\}"),
    "a link where there is none": ({"text": "{code} {link}"}, r"link"),
    "no link where there is one": ({"purpose": "sign_in_code_and_link", "text": "{code}"}, r"link"),
    "another purpose": ({"purpose": "advertisement", "text": "{code}"}, r"purpose|advertisement"),
    "another channel": ({"channel": "pigeon", "text": "{code}"}, r"channel|pigeon"),
    "mail without a subject": ({"channel": "email", "text": "{code}"}, r"subject"),
    "no text": ({}, r"text"),
    "a text of another type": ({"text": 7}, r"text"),
    "no purpose": ({"purpose": None, "text": "{code}"}, r"purpose"),
}


def bad_file(change: dict[str, Any]) -> list[dict[str, Any]]:
    entry = {"purpose": "sign_in_code", "client": "game", "locale": "ko"} | change
    return [GOOD, {name: value for name, value in entry.items() if value is not None}]


@pytest.mark.parametrize(("change", "named"), BAD.values(), ids=BAD.keys())
def test_a_bad_template_is_refused_at_start_and_named(start_server, change: dict[str, Any], named: str):
    server = start_server(clients=CLIENTS, started_=False)
    write(server, bad_file(change))
    done = server.command("serve", timeout=20)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "templates" in said
    assert re.search(named, said), said
    # The second of two, counted from nought or from one.
    assert re.search(r"\[1\]|(entry|template|templates|number|no\.?|#) ?[12]\b|line \d+", said, re.I), said


def test_every_bad_template_is_named(start_server):
    server = start_server(clients=CLIENTS, started_=False)
    write(server, [
        {"purpose": "sign_in_code", "text": "{code} {first}"}, GOOD,
        {"purpose": "sign_in_code", "locale": "ko", "text": "{code} {second}"}])
    done = server.command("serve", timeout=20)
    assert done.returncode == 1
    assert "first" in done.stderr and "second" in done.stderr


@pytest.mark.parametrize("content", ["{ no JSON", "", "[]", '{"templates": 7}', None])
def test_a_file_that_is_none_is_refused_at_start(start_server, content: str | None):
    server = start_server(clients=CLIENTS, started_=False)
    path = write(server, content or "")
    if content is None:
        path.unlink()
    done = server.command("serve", timeout=20)
    assert done.returncode == 1
    assert "templates" in done.stdout + done.stderr


# MARK: reload


def test_sighup_reads_the_templates_again_and_keeps_them_when_the_file_is_bad(start_server):
    server = start_server(clients=CLIENTS, started_=False)
    write(server, [{"purpose": "sign_in_code", "text": "OLD {code}"}])
    server.start()
    assert body_of(server, "plain") == "OLD …"
    write(server, [{"purpose": "sign_in_code", "text": "NEW {code}"}])
    assert body_of(server, "plain") == "OLD …", "not before the signal"
    server.reload()
    eventually("the new text", lambda: body_of(server, "plain") == "NEW …", every=0.1)

    for bad in (bad_file({"text": "{code} {name}"}), "{ no JSON"):
        write(server, bad)
        said = server.log().count("templates")
        server.reload()
        eventually("the refusal is told", lambda: server.log().count("templates") > said, every=0.1)
        assert body_of(server, "plain") == "NEW …"
        assert "FILE" not in body_of(server, "plain", "ja"), "nor half of the new one"

    write(server, [{"purpose": "sign_in_code", "text": "MENDED {code}"}])
    server.reload()
    eventually("the mended text", lambda: body_of(server, "plain") == "MENDED …", every=0.1)


# MARK: what nobody writes into a text


NAMES = {
    "line breaks": "Good\r\nGame\u2028New\u2029Line\u0085\v\f",
    "marks of direction": "Good\u202e\u202d\u2066\u2067\u2068\u200f\u200e\u061c Game",
    "an address": "Good https://evil.example/free?a=1 Game",
    "an address without a scheme": "Good www.evil.example Game",
    "a domain": "Good evil.example/x Game",
    "an address of another scheme": "Good evil://open Game",
    "an invisible address": "Good ht\u200btps://ev\u00adil.exam\u2060ple Game",
    "a code": "Good {code} {link} {app} Game",
}


@pytest.fixture(scope="module")
def named(start_module_server) -> Server:
    clients = [phone_client(f"named-{index}", client_name=name) for index, name in enumerate(NAMES.values())]
    server = start_module_server(clients=clients, started_=False)
    write(server, [{"purpose": "sign_in_code", "text": "From {app}: {code}."}])
    return server.start()


@pytest.mark.parametrize("index", range(len(NAMES)), ids=NAMES.keys())
def test_a_name_is_neither_lines_nor_direction_nor_link(named: Server, index: int):
    for wishes in (None, "ja", "ar"):
        text = texted(named, f"named-{index}", wishes)
        body = text["body"]
        kinds = {unicodedata.category(character) for character in body}
        assert not kinds & {"Cc", "Zl", "Zp"}, "one line"
        assert wishes == "ar" or "Cf" not in kinds, "nothing invisible, but where the language needs it"
        assert not set(body) & set("\u202d\u202e\u2067"), "nothing that turns text around"
        assert "://" not in body
        assert not re.search(r"\w\.\w", body), "nothing that a telephone makes a link of"
        assert body.count(code_in(text)) == 1
        assert "{" not in body.replace("{code}", "").replace("{link}", "").replace("{app}", "")
    assert body_of(named, f"named-{index}").startswith("From Good")


def test_nothing_that_a_caller_sends_becomes_text(server: Server):
    mark = "zqxevil"
    members = ("app", "name", "client_name", "text", "body", "template", "locale", "message", "code", "link",
               "device_name", "minutes")
    login = server.login(
        number=fresh_number(), state=f"{mark}-state-https://{mark}.example", scope=f"offline {mark}",
        query={"ui_locales": f"{mark} x-{mark} en-x-{mark}", "locale": mark, "app": mark, "template": mark},
        headers={"User-Agent": f"{mark} https://{mark}.example", "Referer": f"https://{mark}.example/",
                 "Accept-Language": f"{mark},en-x-{mark};q=0.9", "Origin": f"https://{mark}.example",
                 "X-Forwarded-Host": f"{mark}.example"},
        device_id=mark)
    reply = login.request(**{member: f"{mark}\r\nhttps://{mark}.example\u202e" for member in members})
    assert reply.status_code == 200, reply.text
    assert mark not in json.dumps(login.text()).lower()
    plain = server.login()
    plain.request()
    assert login.text()["body"].replace(login.texted_code(), "…") == plain.text()["body"].replace(
        plain.texted_code(), "…")
    refused = server.login().request(send_link=True, link_url=f"https://{mark}.example/")
    assert refused.status_code == 400


# MARK: preview


def previews(server: Server, *arguments: str) -> dict[str, dict[str, Any]]:
    """What `denwa messages preview --json` tells, one object a line, by locale."""
    done = server.command("messages", "preview", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({one["locale"] for one in told}) == len(told)
    return {one["locale"]: one for one in told}


def assert_counted(preview: dict[str, Any]) -> None:
    body = preview["text"]
    assert preview["encoding"] == encoding_of(body)
    assert preview["length"] == sum(units_of(body))
    assert preview["segments"] == segments_of(body)


def test_the_built_in_texts_are_counted_in_nine_languages(server: Server):
    shown = previews(server, "--client", "40017", "--purpose", "sign_in_code")
    assert sorted(shown) == LANGUAGES
    for locale, preview in shown.items():
        assert_counted(preview)
        assert preview["segments"] == 1, f"{locale} is dearer than it need be"
    assert {preview["encoding"] for preview in shown.values()} == {"GSM-7", "UCS-2"}
    assert [shown[locale]["encoding"] for locale in ("en", "ja", "ar")] == ["GSM-7", "UCS-2", "UCS-2"]


def test_a_preview_is_what_people_get(server: Server):
    shown = previews(server, "--client", "40017", "--purpose", "sign_in_code")
    for locale in LANGUAGES:
        preview = shown[locale]["text"]
        got = texted(server, "40017", locale)
        assert got["locale"] == locale
        digits = re.findall(r"(?<!\d)\d{6}(?!\d)", preview)
        assert len(digits) == 1
        assert preview.replace(digits[0], code_in(got)) == got["body"]


def test_a_preview_counts_what_the_server_adds(worded: Server):
    shown = previews(worded, "--client", "marked")
    assert set(shown) >= set(LANGUAGES) | {"de-AT"}
    for preview in shown.values():
        assert "@login.marked.example" in preview["text"]
        assert_counted(preview)
    links = previews(worded, "--client", "game", "--purpose", "sign_in_code_and_link", "--locale", "ja")
    assert set(links) == {"ja"}
    assert links["ja"]["text"].startswith("GAME-LINK ")
    assert_counted(links["ja"])


@pytest.mark.parametrize(
    ("template", "segments"),
    [
        pytest.param("{code}" + "a" * 154, 1, id="160 septets"),
        pytest.param("{code}" + "a" * 155, 2, id="161 septets"),
        pytest.param("{code}" + "€" * 77, 1, id="160 septets, half of them escapes"),
        pytest.param("{code}" + "€" * 78, 2, id="162 septets, half of them escapes"),
        pytest.param("{code}" + "é" * 154, 1, id="accents that GSM-7 has"),
        pytest.param("{code}" + "ç" * 64, 1, id="70 units for an accent that it has not"),
        pytest.param("{code}" + "ç" * 65, 2, id="71 units"),
        pytest.param("{code}" + "🎮" * 32, 1, id="70 units, two a sign"),
        pytest.param("{code}" + "🎮" * 33, 2, id="72 units, two a sign"),
        pytest.param("{code}" + "あ" * 128, 2, id="134 units"),
        pytest.param("{code}" + "あ" * 129, 3, id="135 units"),
    ],
)
def test_segments_are_counted_at_their_bounds(start_server, template: str, segments: int):
    server = start_server(started_=False)
    write(server, [{"purpose": "sign_in_code", "text": template}])
    preview = previews(server, "--client", "40017", "--purpose", "sign_in_code", "--locale", "en")["en"]
    assert_counted(preview)
    assert preview["segments"] == segments


def test_a_preview_is_for_people_too_and_warns_them_of_dear_texts(server: Server, worded: Server):
    done = server.command("messages", "preview", "--client", "40017")
    assert done.returncode == 0, done.stderr
    for locale in LANGUAGES:
        assert re.search(rf"^{locale}: (GSM-7|UCS-2), \d+ characters, 1 segment", done.stdout, re.M), locale
    assert not re.search(r"^ *!", done.stdout, re.M)
    dear = [one for one in previews(worded, "--client", "marked").values() if one["segments"] > 1]
    assert dear
    done = worded.command("messages", "preview", "--client", "marked")
    assert len(re.findall(r"^ *! .*segments", done.stdout, re.M)) == len(dear)


def test_a_preview_of_an_unknown_client_or_purpose_is_refused(server: Server):
    assert server.command("messages", "preview", "--client", "nobody").returncode != 0
    assert server.command("messages", "preview", "--purpose", "advertisement").returncode != 0
