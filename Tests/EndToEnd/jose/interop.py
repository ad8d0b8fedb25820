"""The other side of JOSETests/InteropTests.swift: joserfc, which shares no code with this server.

Reads one JSON request from standard input, writes one JSON answer to standard output.

verify: {"jwks": …, "tokens": [{"token", "alg", "kid", "secret"?}], "pems": [{"kid", "pem"}], "issuer", "audience"}
        -> {"claims": […], "headers": […], "thumbprints": {kid: …}, "pem_thumbprints": {kid: …}}
make:   {"claims": …, "type": …}
        -> {"jwks": …, "tokens": [{"token", "alg", "kid", "secret"?}], "pems": {kid: …}, "thumbprints": {kid: …}}
"""

import base64
import json
import secrets
import sys
import warnings

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

# EdDSA is the name that RFC 8037 gave; joserfc already warns in favour of RFC 9864's.
warnings.simplefilter("ignore")

KINDS = {"EC": ECKey, "RSA": RSAKey, "OKP": OKPKey}


def oct_key(secret: str) -> OctKey:
    padded = secret + "=" * (-len(secret) % 4)
    return OctKey.import_key(base64.urlsafe_b64decode(padded))


def verify(request: dict) -> dict:
    published = KeySet.import_key_set(request["jwks"])
    if any(key["kty"] == "oct" or "d" in key for key in request["jwks"]["keys"]):
        raise ValueError("the published set holds a secret")
    registry = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": request["issuer"]},
        aud={"essential": True, "value": request["audience"]},
        exp={"essential": True},
    )
    claims, headers = [], []
    for entry in request["tokens"]:
        key = oct_key(entry["secret"]) if "secret" in entry else published
        token = jwt.decode(entry["token"], key, algorithms=[entry["alg"]])
        registry.validate(token.claims)
        if token.header["kid"] != entry["kid"] or token.header["alg"] != entry["alg"]:
            raise ValueError("the header is not what it should be")
        claims.append(token.claims)
        headers.append(token.header)
    kinds = {key["kid"]: key["kty"] for key in request["jwks"]["keys"]}
    return {
        "claims": claims,
        "headers": headers,
        "thumbprints": {key.kid: key.thumbprint() for key in published.keys},
        "pem_thumbprints": {
            entry["kid"]: KINDS[kinds[entry["kid"]]].import_key(entry["pem"]).thumbprint() for entry in request["pems"]
        },
    }


def make(request: dict) -> dict:
    keys = {
        "ES256": ECKey.generate_key("P-256", {"kid": "python ES256", "alg": "ES256", "use": "sig"}),
        "RS256": RSAKey.generate_key(2048, {"kid": "python RS256", "alg": "RS256", "use": "sig"}),
        "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "python EdDSA", "alg": "EdDSA", "use": "sig"}),
    }
    answer = {"tokens": [], "pems": {}, "thumbprints": {}}
    for algorithm, key in keys.items():
        header = {"alg": algorithm, "kid": key.kid, "typ": request["type"]}
        token = jwt.encode(header, request["claims"], key, algorithms=[algorithm])
        answer["tokens"].append({"token": token, "alg": algorithm, "kid": key.kid})
        answer["pems"][key.kid] = key.as_pem(private=True).decode()
        answer["thumbprints"][key.kid] = key.thumbprint()
    secret = secrets.token_urlsafe(32)
    header = {"alg": "HS256", "kid": "python HS256", "typ": request["type"]}
    token = jwt.encode(header, request["claims"], oct_key(secret), algorithms=["HS256"])
    answer["tokens"].append({"token": token, "alg": "HS256", "kid": "python HS256", "secret": secret})
    answer["jwks"] = KeySet(list(keys.values())).as_dict(private=False)
    return answer


if __name__ == "__main__":
    json.dump({"verify": verify, "make": make}[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
