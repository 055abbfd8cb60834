"""OpenAI's own Python client, of whichever version is installed."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest


@pytest.fixture(scope="session")
def client(product: Any) -> Iterator[openai.OpenAI]:
    """It does not retry: a refusal is seen as it comes."""
    with openai.OpenAI(base_url=product.base_url, api_key=product.key, max_retries=0) as made:
        yield made


@pytest.fixture(scope="session")
def azure(product: Any) -> Iterator[openai.AzureOpenAI]:
    version = "2025-04-01-preview"
    with openai.AzureOpenAI(
        azure_endpoint=product.url, api_key=product.key, api_version=version, max_retries=0
    ) as made:
        yield made


@pytest.fixture(params=["OpenAI", "AzureOpenAI"])
def either(request: pytest.FixtureRequest) -> openai.OpenAI:
    """Both clients, for what both can do."""
    return request.getfixturevalue("client" if request.param == "OpenAI" else "azure")
