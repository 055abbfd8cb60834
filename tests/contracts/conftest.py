"""What the contract tests share: one Azurite a session."""

from collections.abc import Iterator

import pytest

from tests.contracts import azurite


@pytest.fixture(scope="session")
def storage_connection() -> Iterator[str]:
    if not azurite.BINARY.exists():
        pytest.fail("Azurite is missing: run `npm ci`.")
    with azurite.running() as connection:
        yield connection
