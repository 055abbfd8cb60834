"""A directory as Entra ID is one: it publishes its keys over HTTP, and signs tokens with them."""

import json
import time
from collections.abc import Mapping
from typing import Any, Self

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

TENANT = "11111111-2222-3333-4444-555555555555"
AUDIENCE = "99999999-8888-7777-6666-555555555555"
ANN = "aaaaaaaa-0000-0000-0000-000000000001"


class EntraServer:
    """`keys` are those it publishes, by id; `down` has it answer 503; `asked` counts who wants them."""

    def __init__(self) -> None:
        self.keys: dict[str, RSAPrivateKey] = {}
        self.down = False
        self.asked = 0
        self.authority = ""
        self._runner = web.ServerRunner(web.Server(self._answer))
        self.rotate("first")

    def rotate(self, key_id: str) -> None:
        """Sign with this key alone from now on."""
        self.keys = {key_id: generate_private_key(public_exponent=65537, key_size=2048)}

    def settings(self, tenant: str) -> str:
        """FLIGHTDECK_ENTRA with this directory as our tenant."""
        return json.dumps({"tenants": {TENANT: tenant}, "audiences": [AUDIENCE], "authority": self.authority})

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Of a good token; a change to None leaves the claim out."""
        now = int(time.time())
        claims = {
            "iss": f"{self.authority}/{TENANT}/v2.0",
            "aud": AUDIENCE,
            "tid": TENANT,
            "oid": ANN,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "roles": ["Flightdeck.Use"],
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, headers: Mapping[str, str] | None = None, **changes: Any) -> str:
        key_id, key = next(iter(self.keys.items()))
        return jwt.encode(self.claims(**changes), key, "RS256", headers={"kid": key_id, **(headers or {})})

    def public_pem(self) -> bytes:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = next(iter(self.keys.values())).public_key()
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        assert request.path == f"/{TENANT}/discovery/v2.0/keys"
        if self.down:
            return web.Response(status=503)
        published = [
            RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": key_id, "use": "sig"}
            for key_id, key in self.keys.items()
        ]
        return web.json_response({"keys": [*published, {"kty": "EC", "kid": "curve"}]})

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.authority = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
