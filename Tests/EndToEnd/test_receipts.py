"""Delivery receipts: what providers report moves a text on or settles it, what others report changes nothing.

Each provider's receipts are signed by its own SDK, and the texts they tell of went through the same server.
"""

from __future__ import annotations

import functools
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable, Iterator
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from harness import PhoneLogin, Server, StartServer, at_once, code_in
from providers.oracles import aliyun, tencent, vonage, webhook
from providers.oracles.aliyun import Aliyun
from providers.oracles.fake import Received, Reply, Service
from providers.oracles.table import begin, logs, mobile_in, state_of, wait_for
from providers.oracles.tencent import Tencent
from providers.oracles.twilio import Twilio
from providers.oracles.vonage import Vonage
from providers.oracles.webhook import Webhook

pytestmark = pytest.mark.nodes

ACCOUNT, TOKEN = "AC0123456789abcdef0123456789abcdef", "f00dfeedf00dfeedf00dfeedf00dfeed"
OTHER_ACCOUNT, OTHER_TOKEN = "ACfedcba9876543210fedcba9876543210", "deadbeefdeadbeefdeadbeefdeadbeef"
SIGNATURE_SECRET = "vonage-signs-with-this-9Zk"
HOOK_SECRET, SECOND_SECRET = "hook-secret-5tR", "second-secret-8uV"
URL_SECRET = "in-the-url-4hJq7WbX2c"

PATH = "/messages/receipts/"
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


# MARK: kinds of receipts


@dataclass
class Kind:
    """How the texts of one connector are told from outside, and how its receipts are made."""

    name: str
    country: str
    provider: Service
    server: Server

    #: What a receipt that is taken is answered with.
    status, answer = 204, None

    def code(self, text: Received) -> str:
        raise NotImplementedError

    def our_id(self, text: Received) -> str:
        """Our id of the message, as the provider got it."""
        raise NotImplementedError

    def receipt(self, text: Received, delivered: bool, **changed: Any) -> Callable[[], httpx.Response]:
        """A receipt about `text`, well signed; posted as often as it is called, always the same bytes."""
        raise NotImplementedError

    def forgeries(self, text: Received) -> dict[str, Callable[[], httpx.Response]]:
        """Receipts that say the text failed, and that the provider did not make."""
        raise NotImplementedError

    def about_both(self, ours: Received, theirs: Received) -> Callable[[], httpx.Response]:
        """Well signed, with our id of one text and the provider's id of another."""
        raise NotImplementedError

    def about_nothing(self, text: Received) -> Callable[[], httpx.Response]:
        """Well signed, about a message that never was."""
        raise NotImplementedError

    def post(self, path: str, body: bytes, **headers: str) -> Callable[[], httpx.Response]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return lambda: self.server.http.post(path, content=body, headers=named)

    def form(self, path: str, form: dict[str, str], **headers: str) -> Callable[[], httpx.Response]:
        return self.post(path, urlencode(form).encode(), Content_Type=FORM, **headers)


class OfTwilio(Kind):
    provider: Twilio

    def code(self, text: Received) -> str:
        return code_in({"body": text.form["Body"]})

    def callback(self, text: Received) -> str:
        return text.form["StatusCallback"]

    def our_id(self, text: Received) -> str:
        [(name, value)] = parse_qsl(urlsplit(self.callback(text)).query)
        assert name == "m"
        return value

    def _signed(self, url: str, form: dict[str, str], to: str | None = None, **headers: str):
        parts = urlsplit(to or url)
        signature = self.provider.signature(url, form)
        return self.form(f"{parts.path}?{parts.query}", form, X_Twilio_Signature=signature, **headers)

    def receipt(self, text: Received, delivered: bool, **changed: Any):
        status = changed.pop("status", "delivered" if delivered else "failed")
        code = {} if delivered else {"ErrorCode": "30003"}
        return self._signed(self.callback(text), self.provider.receipt(text, status, **code) | changed)

    def forgeries(self, text: Received):
        url = self.callback(text)
        path = f"{urlsplit(url).path}?{urlsplit(url).query}"
        good, failed = self.provider.receipt(text, "delivered"), self.provider.receipt(text, "failed")
        sign = self.provider.signature
        return {
            "no signature": self.form(path, failed),
            "an empty signature": self.form(path, failed, X_Twilio_Signature=""),
            "another token": self.form(path, failed, X_Twilio_Signature=sign(url, failed, OTHER_TOKEN)),
            "another form": self.form(path, failed, X_Twilio_Signature=sign(url, good)),
            "one more member": self.form(path, failed | {"x": "y"}, X_Twilio_Signature=sign(url, failed)),
            "another host": self.form(path, failed, X_Twilio_Signature=sign(
                url.replace(self.server.url, "https://evil.example"), failed), Host="evil.example"),
            "another query": self.form(path + "&x=y", failed, X_Twilio_Signature=sign(url, failed)),
            "a query without its message": self.form(
                urlsplit(url).path, failed, X_Twilio_Signature=sign(url, failed)),
            "no form": self.post(path, b"", X_Twilio_Signature=sign(url, failed)),
        }

    def about_both(self, ours: Received, theirs: Received):
        return self._signed(self.callback(ours), self.provider.receipt(theirs, "failed"))

    def about_nothing(self, text: Received):
        ours = self.our_id(text)
        nowhere = ours[:-4] + ("AAAA" if ours[-4:] != "AAAA" else "BBBB")
        form = self.provider.receipt(text, "failed", MessageSid="SM" + "0" * 32, SmsSid="SM" + "0" * 32)
        return self._signed(self.callback(text).replace(ours, nowhere), form)


class OfVonage(Kind):
    provider: Vonage
    method = "sha256"
    verb = "POST"

    def code(self, text: Received) -> str:
        return code_in({"body": text.form["text"]})

    def our_id(self, text: Received) -> str:
        return text.form["client-ref"]

    def path(self, text: Received) -> str:
        assert text.form["callback"] == self.server.url + PATH + self.name
        return PATH + self.name

    def _send(self, path: str, parameters: dict[str, str]) -> Callable[[], httpx.Response]:
        if self.verb == "GET":
            return lambda: self.server.http.get(path, params=parameters)
        return self.form(path, parameters)

    def _signed(self, text: Received, parameters: dict[str, str]) -> dict[str, str]:
        return vonage.signed(parameters, SIGNATURE_SECRET, self.method)

    def receipt(self, text: Received, delivered: bool, **changed: Any):
        status = changed.pop("status", "delivered" if delivered else "failed")
        return self._send(self.path(text), self._signed(text, vonage.receipt(text, status, **changed)))

    def forgeries(self, text: Received):
        path = self.path(text)
        failed = vonage.receipt(text, "failed")
        signed = self._signed(text, failed)
        old = vonage.receipt(text, "failed", timestamp=str(int(time.time()) - 400))
        early = vonage.receipt(text, "failed", timestamp=str(int(time.time()) + 400))
        delivered = self._signed(text, failed | {"status": "delivered"})
        other = next(method for method in vonage.METHODS if method != self.method)
        return {
            "no signature": self._send(path, failed),
            "an empty signature": self._send(path, failed | {"sig": ""}),
            "another secret": self._send(path, vonage.signed(failed, "another", self.method)),
            "another method": self._send(path, vonage.signed(failed, SIGNATURE_SECRET, other)),
            "another status": self._send(path, delivered | {"status": "failed"}),
            "one more member": self._send(path, signed | {"x": "y"}),
            "an old one": self._send(path, self._signed(text, old)),
            "one of the future": self._send(path, self._signed(text, early)),
            "half of the signature": self._send(path, signed | {"sig": signed["sig"][:16]}),
        }

    def about_both(self, ours: Received, theirs: Received):
        mixed = vonage.receipt(theirs, "failed", **{"client-ref": self.our_id(ours)})
        return self._send(self.path(ours), self._signed(ours, mixed))

    def about_nothing(self, text: Received):
        nothing = vonage.receipt(text, "failed", messageId="0A0000000FFFFFFF",
                                 **{"client-ref": "A" * len(self.our_id(text))})
        return self._send(self.path(text), self._signed(text, nothing))


class OfVonageByGET(OfVonage):
    verb = "GET"


class OfVonageMD5(OfVonage):
    method = "md5"


class OfVonageSHA1(OfVonage):
    method = "sha1"


class OfVonageSHA512(OfVonage):
    method = "sha512"


class Unsigned(Kind):
    """Nothing but a secret in the URL, and two ids that must belong together."""

    status = 200
    succeeded, failed = True, False

    def report(self, text: Received, outcome: Any, **changed: Any) -> dict[str, Any]:
        raise NotImplementedError

    #: The members of a report for our id and the provider's.
    ours, theirs = "", ""

    def _send(self, *reports: dict[str, Any], secret: str = "/" + URL_SECRET):
        return self.post(PATH + self.name + secret, json.dumps(reports).encode(), Content_Type=JSON)

    def receipt(self, text: Received, delivered: bool, **changed: Any):
        return self._send(self.report(text, self.succeeded if delivered else self.failed, **changed))

    def forgeries(self, text: Received):
        report = self.report(text, self.failed)
        return {
            "another secret": self._send(report, secret="/another"),
            "half of the secret": self._send(report, secret="/" + URL_SECRET[:10]),
            "more than the secret": self._send(report, secret=f"/{URL_SECRET}x"),
            "an empty secret": self._send(report, secret="/"),
            "no secret": self._send(report, secret=""),
        }

    def about_both(self, ours: Received, theirs: Received):
        return self._send(self.report(theirs, self.failed, **{self.ours: self.our_id(ours)}))

    def about_nothing(self, text: Received):
        nothing = {self.ours: "A" * len(self.our_id(text)), self.theirs: "1" * len(text.message_id or "")}
        return self._send(self.report(text, self.failed, **nothing))


class OfAliyun(Unsigned):
    answer = {"code": 0, "msg": "ok"}
    ours, theirs = "out_id", "biz_id"

    def code(self, text: Received) -> str:
        return aliyun.template_parameters(text)["code"]

    def our_id(self, text: Received) -> str:
        return text.query["OutId"]

    def report(self, text: Received, outcome: Any, **changed: Any) -> dict[str, Any]:
        return aliyun.receipt(text, outcome, **changed)


class OfTencent(Unsigned):
    answer = {"result": 0, "errmsg": "OK"}
    succeeded, failed = "SUCCESS", "FAIL"
    ours, theirs = "ext", "sid"

    def code(self, text: Received) -> str:
        [code] = text.json["TemplateParamSet"]
        return code

    def our_id(self, text: Received) -> str:
        return text.json["SessionContext"]

    def report(self, text: Received, outcome: Any, **changed: Any) -> dict[str, Any]:
        return tencent.receipt(text, outcome, **changed)


class OfWebhook(Kind):
    provider: Webhook

    def code(self, text: Received) -> str:
        return code_in(text.json)

    def our_id(self, text: Received) -> str:
        return text.json["id"]

    def path(self, text: Received) -> str:
        assert text.json["callback_url"] == self.server.url + PATH + self.name
        return PATH + self.name

    def _send(self, path: str, body: bytes, signature: str | None):
        headers = {} if signature is None else {"Denwa_Signature": signature}
        return self.post(path, body, Content_Type=JSON, **headers)

    def receipt(self, text: Received, delivered: bool, **changed: Any):
        body = webhook.receipt(changed.get("id", self.our_id(text)), "delivered" if delivered else "failed")
        return self._send(self.path(text), body, webhook.signature(self.provider.secret, body))

    def forgeries(self, text: Received):
        path, body = self.path(text), webhook.receipt(self.our_id(text), "failed")
        good = webhook.signature(self.provider.secret, body)
        now = time.time()
        sign = functools.partial(webhook.signature, self.provider.secret)
        delivered = webhook.receipt(self.our_id(text), "delivered")
        return {
            "no signature": self._send(path, body, None),
            "an empty signature": self._send(path, body, ""),
            "half of the signature": self._send(path, body, good[:-32]),
            "another secret": self._send(path, body, webhook.signature("another", body)),
            "another body": self._send(path, body, webhook.signature(self.provider.secret, delivered)),
            "another time": self._send(path, body, f"t={int(now) - 10},{good.partition(',')[2]}"),
            "an old one": self._send(path, body, sign(body, now - 400)),
            "one of the future": self._send(path, body, sign(body, now + 400)),
        }

    def about_nothing(self, text: Received):
        body = webhook.receipt("A" * len(self.our_id(text)), "failed")
        return self._send(self.path(text), body, webhook.signature(self.provider.secret, body))


# MARK: the server


@dataclass
class Scene:
    server: Server
    kinds: dict[str, Kind]
    second: Kind

    def text(self, kind: Kind) -> tuple[PhoneLogin, Received]:
        """A text that `kind` has taken."""
        login = begin(self.server.login(number=mobile_in(kind.country)))
        received = kind.provider.wait(login.number)
        wait_for(login, "sent")
        return login, received

    def seconds(self, login: PhoneLogin) -> list[Received]:
        """The texts that went on to the second connector."""
        return self.second.provider.texts(login.number)

    def settle(self, kind: Kind) -> None:
        """Whatever receipts so far have caused is done: a text that fails now is already with the second."""
        witness, text = self.text(kind)
        assert kind.receipt(text, False)().status_code == kind.status
        self.second.provider.wait(witness.number)


KINDS: dict[str, tuple[type[Kind], str]] = {
    "twilio": (OfTwilio, "AT"),
    "vonage": (OfVonage, "BE"),
    "vonage-get": (OfVonageByGET, "CH"),
    "vonage-md5": (OfVonageMD5, "CZ"),
    "vonage-sha1": (OfVonageSHA1, "EE"),
    "vonage-sha512": (OfVonageSHA512, "GR"),
    "aliyun": (OfAliyun, "CN"),
    "tencent": (OfTencent, "HK"),
    "hook": (OfWebhook, "JP"),
}


@pytest.fixture(scope="module")
def scene(start_module_server: StartServer) -> Iterator[Scene]:
    with (
        Twilio(ACCOUNT, TOKEN) as of_twilio, Twilio(OTHER_ACCOUNT, OTHER_TOKEN) as of_other_twilio,
        Vonage("abcd1234", "secret") as of_vonage, Aliyun("key", "secret") as of_aliyun,
        Tencent("id", "key") as of_tencent, Webhook(HOOK_SECRET) as of_hook,
        Webhook(SECOND_SECRET) as of_second,
    ):
        countries = {name: country for name, (_, country) in KINDS.items()}
        providers: dict[str, Service] = {
            "twilio": of_twilio, "aliyun": of_aliyun, "tencent": of_tencent, "hook": of_hook,
        }

        def twilio_connector(name: str, provider: Twilio, country: str, **more: Any) -> dict[str, Any]:
            return {
                "type": "twilio", "name": name, "accountSID": provider.account, "authToken": provider.token,
                "from": "+15005550006", "baseURL": provider.url, "countries": [country], "receipts": True,
            } | more

        def vonage_connector(name: str, **more: Any) -> dict[str, Any]:
            return {
                "type": "vonage", "name": name, "apiKey": "abcd1234", "apiSecret": "secret", "from": "Denwa",
                "baseURL": of_vonage.url, "countries": [countries[name]], "receipts": True,
                "signatureSecret": SIGNATURE_SECRET,
            } | more

        usage = [{"usageType": usage, "templateCode": "SMS_1"}
                 for usage in ("Register", "SignIn", "ForgotPassword", "Generic")]
        connectors = [
            twilio_connector("twilio", of_twilio, countries["twilio"]),
            twilio_connector("twilio-2", of_other_twilio, "PL"),
            twilio_connector("quiet", of_twilio, "PT", receipts=False),
            {"type": "aliyun", "accessKeyId": "key", "accessKeySecret": "secret", "signName": "签名",
             "templates": usage, "baseURL": of_aliyun.url, "receiptSecret": URL_SECRET, "countries": ["CN"],
             "receipts": True},
            {"type": "tencent", "secretId": "id", "secretKey": "key", "sdkAppId": "14", "signName": "签名",
             "templateId": "1", "baseURL": of_tencent.url, "receiptSecret": URL_SECRET, "countries": ["HK"],
             "receipts": True},
            of_hook.connector(name="hook", countries=["JP"], receipts=True),
        ]
        for name, (kind, _) in KINDS.items():
            if issubclass(kind, OfVonage):
                method = {} if name == "vonage" else {"signatureMethod": kind.method}
                connectors.append(vonage_connector(name, **method))
                providers[name] = of_vonage
        connectors.append(of_second.connector(name="second", receipts=True))

        server = start_module_server(
            DENWA_MESSAGING_CONNECTORS=json.dumps(connectors), DENWA_GUARD_MODE="off",
        )
        made = {name: kind(name, country, providers[name], server) for name, (kind, country) in KINDS.items()}
        made["twilio-2"] = OfTwilio("twilio-2", "PL", of_other_twilio, server)
        made["quiet"] = OfTwilio("quiet", "PT", of_twilio, server)
        yield Scene(server, made, OfWebhook("second", "JP", of_second, server))


@pytest.fixture
def kind(request: pytest.FixtureRequest, scene: Scene) -> Kind:
    return scene.kinds[request.param]


every_kind = pytest.mark.parametrize("kind", list(KINDS), indirect=True)
#: For what has nothing to do with the ways to sign.
PROVIDERS = ["twilio", "vonage", "aliyun", "tencent", "hook"]
one_of_each = pytest.mark.parametrize("kind", PROVIDERS, indirect=True)
signed_and_unsigned = pytest.mark.parametrize("kind", ["twilio", "tencent"], indirect=True)
#: Tencent's documentation names no field of a report that repeats our id, so its serial number alone counts.
with_ids_that_must_agree = pytest.mark.parametrize("kind", ["twilio", "vonage", "aliyun"], indirect=True)
with_ours = pytest.mark.parametrize("kind", ["twilio", "vonage", "aliyun", "hook"], indirect=True)


def assert_taken(kind: Kind, reply: httpx.Response) -> None:
    assert reply.status_code == kind.status, f"{reply.status_code} {reply.text}"
    if kind.answer is None:
        assert reply.content == b""
    else:
        assert reply.json() == kind.answer


# MARK: true receipts


@every_kind
def test_a_delivered_text_is_delivered(scene: Scene, kind: Kind):
    login, text = scene.text(kind)
    assert_taken(kind, kind.receipt(text, True)())
    wait_for(login, "delivered")
    assert scene.seconds(login) == []
    assert login.confirm(kind.code(text)).status_code == 200


@one_of_each
def test_a_failed_text_goes_on_with_the_same_code_and_once(scene: Scene, kind: Kind):
    login, text = scene.text(kind)
    failed = kind.receipt(text, False)
    assert_taken(kind, failed())
    again = scene.second.provider.wait(login.number)
    assert scene.second.code(again) == kind.code(text)
    wait_for(login, "sent")

    for reply in at_once(3, lambda _: failed()):
        assert_taken(kind, reply)
    scene.settle(kind)
    assert len(scene.seconds(login)) == 1, "a replay moves nothing"
    assert len(kind.provider.texts(login.number)) == 1
    assert state_of(login) == "sent"
    assert login.confirm(kind.code(text)).status_code == 200


@signed_and_unsigned
def test_when_the_last_connector_fails_too_the_text_has_failed(scene: Scene, kind: Kind):
    login, text = scene.text(kind)
    kind.receipt(text, False)()
    again = scene.second.provider.wait(login.number)
    wait_for(login, "sent")
    assert_taken(scene.second, scene.second.receipt(again, False)())
    wait_for(login, "failed")
    scene.settle(kind)
    assert (len(kind.provider.texts(login.number)), len(scene.seconds(login))) == (1, 1)
    assert login.confirm(kind.code(text)).status_code == 200, "whoever got it after all may use it"


@signed_and_unsigned
def test_the_second_connectors_word_counts_once_it_has_the_text(scene: Scene, kind: Kind):
    login, text = scene.text(kind)
    failed = kind.receipt(text, False)
    failed()
    again = scene.second.provider.wait(login.number)
    wait_for(login, "sent")
    assert_taken(scene.second, scene.second.receipt(again, True)())
    wait_for(login, "delivered")
    assert_taken(kind, failed())
    scene.settle(kind)
    assert state_of(login) == "delivered", "the first one's failure was heard already"
    assert len(scene.seconds(login)) == 1


@signed_and_unsigned
def test_ten_receipts_at_once_move_a_text_once(scene: Scene, kind: Kind):
    login, text = scene.text(kind)
    failed = kind.receipt(text, False)
    for reply in at_once(10, lambda _: failed()):
        assert_taken(kind, reply)
    scene.second.provider.wait(login.number)
    scene.settle(kind)
    assert len(scene.seconds(login)) == 1


@one_of_each
def test_after_the_login_a_failure_sends_nothing(scene: Scene, kind: Kind):
    login, text = scene.text(kind)
    assert login.confirm(kind.code(text)).status_code == 200
    assert_taken(kind, kind.receipt(text, False)())
    scene.settle(kind)
    assert scene.seconds(login) == []


def test_a_receipt_may_be_quicker_than_the_reply_to_the_text(scene: Scene):
    def report_first(received: Received) -> Reply:
        replies.append(pool.submit(kind.receipt(received, True)))
        return Reply(204, after=0.3)

    kind = scene.kinds["hook"]
    replies: list[Future[httpx.Response]] = []
    login = scene.server.login(number=mobile_in(kind.country))
    kind.provider.answer(login.number, report_first)
    with ThreadPoolExecutor(max_workers=1) as pool:
        begin(login)
        wait_for(login, "delivered")
    assert_taken(kind, replies[0].result(timeout=10))
    assert scene.seconds(login) == []


# MARK: false receipts


@every_kind
def test_what_the_provider_did_not_make_is_refused_and_changes_nothing(scene: Scene, kind: Kind):
    login, text = scene.text(kind)
    for name, post in kind.forgeries(text).items():
        reply = post()
        allowed = (403, 404) if name in ("no secret", "an empty secret") else \
            (400, 403) if name in ("no form", "a query without its message") else (403,)
        assert reply.status_code in allowed, f"{name}: {reply.status_code} {reply.text}"
        assert state_of(login) == "sent", name
    scene.settle(kind)
    assert scene.seconds(login) == []
    assert_taken(kind, kind.receipt(text, True)())
    wait_for(login, "delivered")


@with_ids_that_must_agree
def test_a_receipt_that_mixes_two_texts_changes_neither(scene: Scene, kind: Kind):
    (one, text_of_one), (other, text_of_other) = scene.text(kind), scene.text(kind)
    mixed = (kind.about_both(text_of_one, text_of_other), kind.about_both(text_of_other, text_of_one))
    replies = at_once(len(mixed), lambda index: mixed[index]())
    scene.settle(kind)
    for login in (one, other):
        assert state_of(login) == "sent"
        assert scene.seconds(login) == []
    for reply in replies:
        assert reply.status_code in (200, 204), "genuine, so no provider shall repeat it"


@one_of_each
def test_a_receipt_about_nothing_is_taken_and_changes_nothing(scene: Scene, kind: Kind):
    login, text = scene.text(kind)
    assert_taken(kind, kind.about_nothing(text)())
    scene.settle(kind)
    assert state_of(login) == "sent"
    assert scene.seconds(login) == []


@with_ours
def test_a_receipt_at_another_connectors_address_changes_nothing(scene: Scene, kind: Kind):
    """What one provider may say about its texts, it may not say about another's."""
    login, text = scene.text(kind)
    elsewhere = scene.kinds["hook" if kind.name != "hook" else "twilio"]
    victim, theirs = scene.text(elsewhere)
    id_of_victim = elsewhere.our_id(theirs)
    if isinstance(kind, OfTwilio):
        url = kind.callback(text).replace(kind.our_id(text), id_of_victim)
        posts = [kind._signed(url, kind.provider.receipt(text, "failed")),
                 kind._signed(kind.callback(text), kind.provider.receipt(text, "failed"),
                              to=kind.callback(text).replace("/receipts/twilio?", "/receipts/twilio-2?"))]
    elif isinstance(kind, OfVonage):
        posts = [kind.receipt(text, False, **{"client-ref": id_of_victim})]
    elif isinstance(kind, Unsigned):
        posts = [kind.receipt(text, False, **{kind.ours: id_of_victim})]
    else:
        posts = [kind.receipt(text, False, id=id_of_victim)]
    replies = at_once(len(posts), lambda index: posts[index]())
    scene.settle(kind)
    for anybody in (login, victim):
        assert state_of(anybody) == "sent"
        assert scene.seconds(anybody) == []
    for reply in replies:
        assert reply.status_code in (200, 204, 403)


@pytest.mark.parametrize("outcome", ["delivered", "failed"])
def test_two_accounts_at_one_provider_do_not_speak_for_each_other(scene: Scene, outcome: str):
    one, other = scene.kinds["twilio"], scene.kinds["twilio-2"]
    login, text = scene.text(one)
    form = one.provider.receipt(text, outcome)
    its_url, other_url = one.callback(text), one.callback(text).replace("/twilio?", "/twilio-2?")
    replies = []
    for url, token in [(other_url, OTHER_TOKEN), (other_url, TOKEN), (its_url, OTHER_TOKEN)]:
        parts = urlsplit(url)
        signature = one.provider.signature(url, form, token)
        replies.append(one.form(f"{parts.path}?{parts.query}", form, X_Twilio_Signature=signature)())
    scene.settle(other)
    assert state_of(login) == "sent"
    assert scene.seconds(login) == []
    assert [reply.status_code for reply in replies] == [204, 403, 403]


# MARK: particulars


@pytest.mark.parametrize("status", ["queued", "sending", "sent", "accepted", "something-new"])
def test_twilios_steps_on_the_way_settle_nothing(scene: Scene, status: str):
    kind = scene.kinds["twilio"]
    login, text = scene.text(kind)
    assert_taken(kind, kind.receipt(text, True, status=status)())
    assert state_of(login) == "sent"
    assert_taken(kind, kind.receipt(text, True)())
    wait_for(login, "delivered")
    assert scene.seconds(login) == []


def test_twilios_undelivered_is_a_failure_and_failed_after_it_a_replay(scene: Scene):
    kind = scene.kinds["twilio"]
    login, text = scene.text(kind)
    assert_taken(kind, kind.receipt(text, False, status="undelivered")())
    scene.second.provider.wait(login.number)
    assert_taken(kind, kind.receipt(text, False, status="failed")())
    scene.settle(kind)
    assert len(scene.seconds(login)) == 1


def test_twilios_signature_is_over_the_issuers_url_whatever_the_host_says(scene: Scene):
    kind = scene.kinds["twilio"]
    login, text = scene.text(kind)
    form = kind.provider.receipt(text, "delivered", Marker="ünïcode &=+ 電話", Empty="")
    assert kind.callback(text).startswith(scene.server.url + PATH + "twilio?m=")
    assert_taken(kind, kind._signed(kind.callback(text), form, Host="behind-a-proxy.internal")())
    wait_for(login, "delivered")


@pytest.mark.parametrize("status", ["accepted", "buffered", "unknown"])
def test_vonages_steps_on_the_way_settle_nothing(scene: Scene, status: str):
    kind = scene.kinds["vonage"]
    login, text = scene.text(kind)
    assert_taken(kind, kind.receipt(text, True, status=status)())
    assert state_of(login) == "sent"
    assert_taken(kind, kind.receipt(text, True)())
    wait_for(login, "delivered")


@pytest.mark.parametrize("status", ["failed", "rejected", "expired"])
def test_vonages_ways_to_fail(scene: Scene, status: str):
    kind = scene.kinds["vonage"]
    login, text = scene.text(kind)
    assert_taken(kind, kind.receipt(text, False, status=status)())
    assert kind.code(text) == scene.second.code(scene.second.provider.wait(login.number))


def test_vonages_signature_is_read_as_its_own_client_reads_it(scene: Scene):
    """`&` and `=` in values are `_` there, and the case of the signature is of no matter."""
    kind = scene.kinds["vonage"]
    login, text = scene.text(kind)
    receipt = vonage.receipt(text, "delivered", scts="a=b&c=d+e 電話", price="")
    parameters = vonage.signed(receipt, SIGNATURE_SECRET)
    reply = kind.form(kind.path(text), parameters | {"sig": parameters["sig"].upper()})()
    assert_taken(kind, reply)
    wait_for(login, "delivered")


@pytest.mark.parametrize("name", ["aliyun", "tencent"])
def test_one_array_may_tell_of_many_texts(scene: Scene, name: str):
    kind = scene.kinds[name]
    assert isinstance(kind, Unsigned)
    (good, text_of_good), (bad, text_of_bad) = scene.text(kind), scene.text(kind)
    reports = kind.report(text_of_good, kind.succeeded), kind.report(text_of_bad, kind.failed)
    assert_taken(kind, kind._send(*reports)())
    wait_for(good, "delivered")
    assert kind.code(text_of_bad) == scene.second.code(scene.second.provider.wait(bad.number))
    assert scene.seconds(good) == []


def test_tencents_report_may_have_the_serial_number_alone(scene: Scene):
    kind = scene.kinds["tencent"]
    login, text = scene.text(kind)
    report = tencent.receipt(text, "SUCCESS")
    del report["ext"]
    assert_taken(kind, kind._send(report)())
    wait_for(login, "delivered")


# MARK: addresses


def test_a_connector_without_receipts_asks_for_none_and_takes_none(scene: Scene):
    kind = scene.kinds["quiet"]
    login, text = scene.text(kind)
    assert "StatusCallback" not in text.form
    url = f"{scene.server.url}{PATH}quiet?m=AAAAAAAAAAAAAAAAAAAAAA"
    assert kind._signed(url, kind.provider.receipt(text, "failed"))().status_code == 404
    assert state_of(login) == "sent"


@pytest.mark.parametrize("name", ["nobody", "file", "twilio/", "TWILIO", "..%2Ftwilio", "twilio%00"])
def test_an_address_of_no_connector_is_not_there(scene: Scene, name: str):
    reply = scene.server.direct.post(PATH + name, content=b"a=b", headers={"Content-Type": FORM})
    assert reply.status_code in ((404,) if name != "twilio/" else (403, 404)), reply.text


@pytest.mark.parametrize("name", ["twilio", "hook", f"aliyun/{URL_SECRET}", f"tencent/{URL_SECRET}"])
def test_only_vonage_may_use_get(scene: Scene, name: str):
    assert scene.server.http.get(PATH + name).status_code in (403, 404, 405)


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"{}", b"[]", b"[1]", b"[null]", b'[{"out_id":7,"sid":7,"biz_id":[]}]', b"[[[[",
     b"\xff\xfe", b"[" * 5000, b'{"out_id":"x"}', b"x" * 3_000_000],
    ids=lambda body: f"{body[:12]!r}, {len(body)} bytes",
)
@pytest.mark.parametrize("name", ["aliyun", "tencent", "hook", "twilio", "vonage"])
def test_nonsense_is_answered_and_harms_nothing(scene: Scene, name: str, body: bytes):
    headers = {"Content-Type": FORM if name in ("twilio", "vonage") else JSON}
    if name == "hook":
        headers["Denwa-Signature"] = webhook.signature(HOOK_SECRET, body)
    path = PATH + name + (f"/{URL_SECRET}" if name in ("aliyun", "tencent") else "")
    try:
        reply = scene.server.http.post(path, content=body, headers=headers)
    except httpx.TransportError:
        assert len(body) > 1_000_000, "only what is far too large may be cut off"
    else:
        assert reply.status_code in (200, 204, 400, 403, 413), reply.status_code
    # A connection of its own: after a body that nobody read, a proxy may close the one that it came on.
    assert httpx.get(f"{scene.server.url}/health/ready").status_code == 200


def test_no_secret_code_or_number_of_all_this_is_in_a_log(scene: Scene):
    kind = scene.kinds["aliyun"]
    login, text = scene.text(kind)
    kind.receipt(text, False)()
    scene.second.provider.wait(login.number)
    kind.forgeries(text)["another secret"]()
    logged = logs(scene.server)
    assert logged.strip()
    for secret in (URL_SECRET, TOKEN, OTHER_TOKEN, SIGNATURE_SECRET, HOOK_SECRET, SECOND_SECRET):
        assert secret not in logged
    assert login.number.removeprefix("+") not in logged
    assert login.number.removeprefix("+86") not in logged
    assert f'"{kind.code(text)}"' not in logged and f" {kind.code(text)}" not in logged
