"""What the platform makes of its app settings where an identity takes the place of keys."""

import json

import pytest

from shared.settings.environment import ConfigurationError
from shared.settings.settings import Settings

_MODELS = {"chat": {"deployments": [{"id": "d", "endpoint": "https://x", "model": "m"}]}}
_LEAST = {"FLIGHTDECK_STORE": "sqlite:///store.db", "FLIGHTDECK_MODELS": json.dumps(_MODELS)}
_SERVICES = {
    "AzureWebJobsStorage__blobServiceUri": "https://acct.blob.core.windows.net/",
    "AzureWebJobsStorage__queueServiceUri": "https://acct.queue.core.windows.net/",
}


def test_an_identity_is_enough_to_reach_the_storage_account() -> None:
    client = {"AzureWebJobsStorage__clientId": "c", "AzureWebJobsStorage__credential": "managedidentity"}
    settings = Settings.load(_LEAST | _SERVICES | client)
    assert settings.storage_connection is None
    assert settings.storage_queues_url == "https://acct.queue.core.windows.net/"
    assert settings.client_id == "c"


@pytest.mark.parametrize("missing", [*_SERVICES, None])
def test_without_a_storage_account_the_error_says_what_to_set(missing: str | None) -> None:
    given = {name: value for name, value in _SERVICES.items() if missing not in (name, None)}
    with pytest.raises(ConfigurationError, match="AzureWebJobsStorage__queueServiceUri"):
        Settings.load(_LEAST | given)


@pytest.mark.parametrize("name", ["FLIGHTDECK_STROE", "FLIGHTDECK_STORAGE_CONNECTION", "FLIGHTDECK_CLIENT_ID"])
def test_a_setting_that_nobody_reads_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        Settings.load(_LEAST | _SERVICES | {name: "x"})


def test_a_wrong_value_is_named_by_its_setting() -> None:
    with pytest.raises(ConfigurationError, match=r"FLIGHTDECK_IDLE_S is wrong"):
        Settings.load(_LEAST | _SERVICES | {"FLIGHTDECK_IDLE_S": "soon"})


def test_an_embedded_store_is_refused_where_instances_would_not_share_it() -> None:
    with pytest.raises(ConfigurationError, match="each instance would have its own data"):
        Settings.load(_LEAST | _SERVICES | {"WEBSITE_INSTANCE_ID": "i", "FLIGHTDECK_KEY_PEPPER": "p"})


def test_on_azure_keys_are_not_hashed_without_a_pepper() -> None:
    with pytest.raises(ConfigurationError, match="FLIGHTDECK_KEY_PEPPER is missing"):
        Settings.load(_LEAST | _SERVICES | {"WEBSITE_INSTANCE_ID": "i", "FLIGHTDECK_STORE": "cosmos:https://x"})


def test_a_reference_that_the_vault_did_not_resolve_is_no_secret() -> None:
    reference = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/key-pepper)"
    with pytest.raises(ConfigurationError, match="FLIGHTDECK_KEY_PEPPER is a reference"):
        Settings.load(_LEAST | _SERVICES | {"FLIGHTDECK_KEY_PEPPER": reference})
