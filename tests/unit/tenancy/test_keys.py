"""From a secret to the caller it stands for."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from shared.adapters.key_file import KeyFile
from shared.errors import AuthenticationError
from shared.ports.keys import Caller
from shared.tenancy.keys import KeyRing

SECRET = "fd_a_secret_of_some_length"


def ring(folder: Path) -> KeyRing:
    digest = hmac.digest(b"pepper", SECRET.encode(), hashlib.sha256).hex()
    path = folder / "keys.json"
    path.write_text(json.dumps([{"id": "k1", "hmac": digest, "tenant": "acme", "principals": ["staff"]}]))
    return KeyRing(KeyFile(path), pepper="pepper")


async def test_a_known_key_stands_for_its_tenant_and_principals(tmp_path: Path) -> None:
    assert await ring(tmp_path).authenticate(SECRET) == Caller("acme", "k1", ("staff",))


@pytest.mark.parametrize("secret", [None, "", "short", SECRET + "x"])
async def test_any_other_key_is_refused_and_not_repeated(tmp_path: Path, secret: str | None) -> None:
    with pytest.raises(AuthenticationError) as refused:
        await ring(tmp_path).authenticate(secret)
    assert not secret or secret not in str(refused.value)


async def test_without_a_file_nobody_is_known() -> None:
    with pytest.raises(AuthenticationError):
        await KeyRing(KeyFile(None), pepper="").authenticate(SECRET)
