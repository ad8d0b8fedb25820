"""Moto's SNS in a process of its own, with users whose signatures it verifies, and a gate before it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import boto3
import httpx
from botocore.config import Config

from harness import eventually, free_port
from providers.oracles.fake import Received, Reply, Service

REGION = "ap-northeast-1"
PUBLISH_ONLY = json.dumps({
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:Publish", "Resource": "*"}],
})
ANY_SERVICE_MAY_ASSUME = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
})


@dataclass(frozen=True)
class Credentials:
    key: str
    secret: str
    token: str | None = None

    def members(self) -> dict[str, str]:
        """As the connector's configuration names them."""
        named = {"accessKeyId": self.key, "secretAccessKey": self.secret}
        return named | ({"sessionToken": self.token} if self.token else {})


class Moto:
    """Two users, one may publish and one may do nothing; and temporary credentials of a role that may."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        with (directory / "moto.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
                env=inherited | {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
                                 "AWS_EC2_METADATA_DISABLED": "true"},
            )
        try:
            eventually("moto answers", self._answers, timeout=60, every=0.1)
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _answers(self) -> bool:
        assert self.process.poll() is None, "moto ended"
        try:
            return httpx.get(f"{self.url}/moto-api/data.json", timeout=5, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def client(self, service: str, credentials: Credentials, url: str | None = None) -> Any:
        """AWS's own client, which signs as AWS wants it."""
        return boto3.client(
            service, region_name=REGION, endpoint_url=url or self.url,
            aws_access_key_id=credentials.key, aws_secret_access_key=credentials.secret,
            aws_session_token=credentials.token,
            config=Config(proxies={}, retries={"max_attempts": 1}, connect_timeout=10, read_timeout=30),
        )

    def _prepare(self) -> None:
        anybody = Credentials("testing", "testing")
        iam = self.client("iam", anybody)
        keys = {}
        for name in ("publisher", "powerless"):
            iam.create_user(UserName=name)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            keys[name] = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        iam.put_user_policy(UserName="publisher", PolicyName="publish", PolicyDocument=PUBLISH_ONLY)
        role = iam.create_role(RoleName="texts", AssumeRolePolicyDocument=ANY_SERVICE_MAY_ASSUME)["Role"]
        iam.put_role_policy(RoleName="texts", PolicyName="publish", PolicyDocument=PUBLISH_ONLY)
        assumed = self.client("sts", anybody).assume_role(RoleArn=role["Arn"], RoleSessionName="test")
        lent = assumed["Credentials"]

        self.publisher, self.powerless = keys["publisher"], keys["powerless"]
        self.temporary = Credentials(lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"])
        reply = httpx.post(f"{self.url}/moto-api/reset-auth", content=b"0", trust_env=False)
        assert reply.status_code == 200, reply.text

    def messages(self, number: str) -> list[dict[str, str]]:
        """What SNS took for `number`: `message_id` and `message`."""
        data = httpx.get(f"{self.url}/moto-api/data.json", timeout=10, trust_env=False).json()
        return [sms for sms in data["sns"]["SMS"] if sms["phone_number"] == number]

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=10)


class Gate(Service):
    """Passes every request on to moto as it came, and keeps it; or answers in its place."""

    def __init__(self, moto: Moto) -> None:
        self.moto = moto
        self._http = httpx.Client(base_url=moto.url, trust_env=False, timeout=30)
        super().__init__()

    def number_of(self, received: Received) -> str:
        return call(received)["PhoneNumber"]

    def problem_with(self, received: Received) -> str | None:
        return None         # moto is the judge

    def acceptance(self, received: Received) -> Reply:
        hops = {"connection", "content-length", "accept-encoding"}
        headers = [(name, value) for name, value in received.headers.items() if name.lower() not in hops]
        answer = self._http.request(
            received.method, received.target, headers=[*headers, ("Accept-Encoding", "identity")],
            content=received.body,
        )
        if answer.status_code == 200:
            received.message_id = answer.text.split("<MessageId>")[1].split("</MessageId>")[0]
        else:
            received.problem = answer.text
        return Reply(answer.status_code, answer.content, {"Content-Type": answer.headers["Content-Type"]})

    def refusal(self, problem: str) -> Reply:
        """Moto's own complaint, as it came."""
        return Reply(403, problem.encode(), {"Content-Type": "text/xml"})

    def close(self) -> None:
        super().close()
        self._http.close()

    @staticmethod
    def failure(code: str, status: int = 400, words: str = "the provider's own words") -> Reply:
        side = "Receiver" if status >= 500 else "Sender"
        xml = (
            '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">\n  <Error>\n'
            f"    <Type>{side}</Type>\n    <Code>{code}</Code>\n    <Message>{words}</Message>\n  </Error>\n"
            "  <RequestId>9dd01905-5012-5f99-8663-4b3ecd0dfaef</RequestId>\n</ErrorResponse>\n"
        )
        return Reply(status, xml.encode(), {"Content-Type": "text/xml"})


def call(received: Received) -> dict[str, str]:
    """The parameters of a call in AWS's query protocol."""
    text = received.body.decode() if received.body else received.target.partition("?")[2]
    found = parse_qs(text, keep_blank_values=True, strict_parsing=True)
    assert all(len(values) == 1 for values in found.values()), found
    return {name: values[0] for name, values in found.items()}


def attributes(received: Received) -> dict[str, str]:
    """The message attributes: all of them must be strings."""
    parameters = call(received)
    prefix = "MessageAttributes.entry."
    numbers = {name[len(prefix):].split(".")[0] for name in parameters if name.startswith(prefix)}
    assert all(parameters[f"{prefix}{number}.Value.DataType"] == "String" for number in numbers), parameters
    return {
        parameters[f"{prefix}{number}.Name"]: parameters[f"{prefix}{number}.Value.StringValue"]
        for number in numbers
    }
