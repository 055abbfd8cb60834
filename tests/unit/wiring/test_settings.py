"""Settings: what is read, and how a wrong one is named."""

import json

import pytest

from shared.settings.environment import ConfigurationError, blob_trigger_enabled
from shared.settings.settings import Settings

CHAT = {"deployments": [{"id": "a", "endpoint": "http://127.0.0.1/v1", "model": "m"}]}
EMBEDDING = {
    "kind": "embedding",
    "dimensions": 3,
    "deployments": [{"id": "b", "endpoint": "http://127.0.0.1/v1", "model": "m"}],
}
ENTRA = {"tenants": {"11111111-2222-3333-4444-555555555555": "acme"}, "audiences": ["app"]}
GOOD = {
    "FLIGHTDECK_STORE": "sqlite:///store.db",
    "FLIGHTDECK_MODELS": json.dumps({"chat": CHAT, "embedding": EMBEDDING}),
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "PATH": "/bin",
}


def test_settings_come_from_the_environment_with_their_defaults() -> None:
    settings = Settings.load(GOOD | {"FLIGHTDECK_MAX_BODY_BYTES": "100"})
    assert (settings.max_body_bytes, settings.blob_trigger) == (100, True)
    assert settings.models["embedding"].dimensions == 3
    assert settings.storage_connection == "UseDevelopmentStorage=true"


def test_what_the_command_line_reads_in_the_same_shell_is_no_unknown_setting() -> None:
    assert Settings.load(GOOD | {"FLIGHTDECK_URL": "https://x", "FLIGHTDECK_API_KEY": "fd_x"}) == Settings.load(GOOD)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"FLIGHTDECK_STOER": "x"}, "Unknown setting 'FLIGHTDECK_STOER'"),
        ({"FLIGHTDECK_STORE": "redis://x"}, "FLIGHTDECK_STORE is wrong"),
        ({"FLIGHTDECK_MODELS": "not json"}, "FLIGHTDECK_MODELS is wrong"),
        ({"FLIGHTDECK_MODELS": "{}"}, "FLIGHTDECK_MODELS is wrong"),
        ({"FLIGHTDECK_MODELS": json.dumps({"e": CHAT | {"kind": "embedding"}})}, "models needs|needs `dimensions`"),
        ({"FLIGHTDECK_MODELS": json.dumps({"a": CHAT, "b": CHAT})}, "two deployments with the id 'a'"),
        ({"FLIGHTDECK_MODELS": json.dumps({"a": {"deployments": []}})}, "FLIGHTDECK_MODELS is wrong at a.deployments"),
        ({"FLIGHTDECK_LEASE_S": "-1"}, "FLIGHTDECK_LEASE_S is wrong"),
        ({"FLIGHTDECK_ENTRA": "{"}, "FLIGHTDECK_ENTRA is wrong"),
        (
            {"FLIGHTDECK_ENTRA": json.dumps(ENTRA | {"tenants": {"acme": "acme"}})},
            "FLIGHTDECK_ENTRA is wrong at tenants",
        ),
        ({"FLIGHTDECK_ENTRA": json.dumps(ENTRA | {"audiences": []})}, "FLIGHTDECK_ENTRA is wrong at audiences"),
        ({"FLIGHTDECK_ENTRA": json.dumps(ENTRA | {"scopes": {"A": ["all"]}})}, "FLIGHTDECK_ENTRA is wrong at scopes.A"),
        ({"FLIGHTDECK_ENTRA": json.dumps(ENTRA | {"authority": "http://x"})}, "FLIGHTDECK_ENTRA is wrong at authority"),
        ({"WEBSITE_INSTANCE_ID": "1"}, "FLIGHTDECK_STORE is 'sqlite:///store.db': on Azure"),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Settings.load(GOOD | change)


def test_a_secret_in_a_wrong_catalogue_is_not_repeated() -> None:
    catalogue = {"chat": {"deployments": [{"id": "a", "api_key": "sk-secret", "endpoint": 3}]}}
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(GOOD | {"FLIGHTDECK_MODELS": json.dumps(catalogue)})
    assert "sk-secret" not in str(refused.value)


def test_without_any_storage_the_setting_is_named() -> None:
    without = {name: value for name, value in GOOD.items() if name != "AzureWebJobsStorage"}
    with pytest.raises(ConfigurationError, match="AzureWebJobsStorage is missing"):
        Settings.load(without)


@pytest.mark.parametrize(("value", "enabled"), [("true", True), ("false", False), ("0", False), (None, True)])
def test_the_blob_trigger_can_be_left_out(value: str | None, *, enabled: bool) -> None:
    assert blob_trigger_enabled({} if value is None else {"FLIGHTDECK_BLOB_TRIGGER": value}) is enabled
