"""The other side's half of JOSE: keys that clients hold, and the JWTs they sign with them.

DPoP proofs (RFC 9449), client assertions (RFC 7523) and request objects (RFC 9101), each good as it is made, and bad
in one place when a test says so: a member that is given replaces the good one, and `None` takes it away. The arithmetic
is joserfc's. Header and payload are put together here, since no library signs the wrong ones.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

ALGORITHMS = ("ES256", "RS256", "EdDSA")
#: Times that no clock shows, at the edges of the types that a server might keep them in.
IMPOSSIBLE_TIMES = {
    "the largest of 64 bits": 2**63 - 1, "the smallest of 64 bits": -(2**63), "one more than 64 bits hold": 2**64,
    "a hundred digits": 10**100, "a fraction beyond them all": 1e300,
}
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def encoded(value: Any) -> str:
    """base64url of bytes, of a text, or of anything else as JSON."""
    raw = value.encode() if isinstance(value, str) else value
    raw = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def claims_of(token: str) -> dict[str, Any]:
    """What a JWT says; whether it is true is not asked."""
    return decoded(token.split(".")[1])


def changed(good: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (good | change).items() if value is not None}


def sha256(text: str) -> str:
    return encoded(hashlib.sha256(text.encode()).digest())


def jti() -> str:
    return secrets.token_urlsafe(16)


@dataclass(frozen=True)
class SigningKey:
    """A key pair that a client holds, for one algorithm."""

    algorithm: str
    key: ECKey | RSAKey | OKPKey
    kid: str

    @classmethod
    def generate(cls, algorithm: str = "ES256", kid: str = "key-1") -> SigningKey:
        make = {
            "ES256": lambda: ECKey.generate_key("P-256"),
            "RS256": lambda: RSAKey.generate_key(2048),
            "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
        }
        return cls(algorithm, make[algorithm](), kid)

    @property
    def public(self) -> dict[str, Any]:
        """The bare JWK: what stands in a proof."""
        return dict(self.key.as_dict(private=False))

    @property
    def private(self) -> dict[str, Any]:
        return dict(self.key.as_dict(private=True))

    @property
    def registered(self) -> dict[str, Any]:
        """The JWK as it stands in `clients.json`."""
        return self.public | {"kid": self.kid, "alg": self.algorithm, "use": "sig"}

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.registered]}

    @property
    def thumbprint(self) -> str:
        """RFC 7638."""
        return self.key.thumbprint()

    def sign(self, header: Any, payload: Any) -> str:
        """Signs with this key's algorithm, whatever the header says."""
        text = f"{encoded(header)}.{encoded(payload)}"
        return f"{text}.{encoded(JWSRegistry.algorithms[self.algorithm].sign(text.encode(), self.key))}"


def mirrored(token: str) -> str:
    """The same ES256 signature in its other form: when (r, s) is good, so is (r, n - s). Anybody can do it, so a JWT
    is not to be recognized by its text."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    text, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    return f"{text}.{encoded(raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32))}"


def deep(claims: dict[str, Any], levels: int = 2_000) -> bytes:
    """The same claims and a list in a list in a list."""
    return (json.dumps(claims)[:-1] + f', "deep": {"[" * levels}{"]" * levels}}}').encode()


def unsigned(header: Any, payload: Any) -> str:
    return f"{encoded(header)}.{encoded(payload)}."


def signed_with_hmac(header: Any, payload: Any, secret: bytes) -> str:
    """By hand: no library signs HMAC with a public key any more."""
    text = f"{encoded(header)}.{encoded(payload)}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256'))}"


def public_bytes(key: SigningKey) -> dict[str, bytes]:
    """Everything that a careless verifier could take for a shared secret."""
    pem = key.key.as_pem(private=False)
    return {
        "the PEM": pem,
        "the PEM less its last line break": pem.rstrip(),
        "the DER": key.key.as_der(private=False),
        "the JWK": json.dumps(key.public, separators=(",", ":")).encode(),
        "nothing": b"",
    }


# MARK: RFC 9449


def proof_parts(
    key: SigningKey, method: str, url: str, /, *, access_token: str | None = None,
    header: dict[str, Any] | None = None, **claims: Any,
) -> tuple[dict[str, Any], dict[str, Any]]:
    said = {"jti": jti(), "htm": method, "htu": url, "iat": int(time.time())}
    if access_token is not None:
        said["ath"] = sha256(access_token)
    return changed({"typ": "dpop+jwt", "alg": key.algorithm, "jwk": key.public}, header or {}), changed(said, claims)


def proof(key: SigningKey, method: str, url: str, /, **more: Any) -> str:
    """A DPoP proof. `header` changes its header, any other name a claim; `access_token` makes `ath`."""
    return key.sign(*proof_parts(key, method, url, **more))


def dpop(key: SigningKey, method: str, url: str, access_token: str | None = None, **more: Any) -> dict[str, str]:
    """The headers of a request with a proof, and with a bound token when one is given."""
    headers = {"DPoP": proof(key, method, url, access_token=access_token, **more)}
    return headers | ({"Authorization": f"DPoP {access_token}"} if access_token else {})


# MARK: RFC 7523


def assertion_claims(client_id: str, audience: Any, /, **claims: Any) -> dict[str, Any]:
    now = int(time.time())
    return changed({
        "iss": client_id, "sub": client_id, "aud": audience, "jti": jti(), "iat": now, "exp": now + 60,
    }, claims)


def assertion(
    key: SigningKey, client_id: str, audience: Any, /, *, header: dict[str, Any] | None = None, **claims: Any
) -> str:
    good = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT"}
    return key.sign(changed(good, header or {}), assertion_claims(client_id, audience, **claims))


def asserting(token: str) -> dict[str, str]:
    """The parameters that carry a client assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token}


# MARK: RFC 9101


def request_object(
    key: SigningKey, client_id: str, issuer: str, parameters: dict[str, Any], /, *,
    header: dict[str, Any] | None = None, **claims: Any,
) -> str:
    """`parameters` are those of the authorization request, and `claims` change them and what a JWT says of itself."""
    now = int(time.time())
    said = {"iss": client_id, "aud": issuer, "iat": now, "exp": now + 300, "jti": jti(), "client_id": client_id}
    good = {"alg": key.algorithm, "kid": key.kid, "typ": "oauth-authz-req+jwt"}
    return key.sign(changed(good, header or {}), changed(said | parameters, claims))
