"""Assembling the platform: wrong settings are found before anything is opened."""

import json

import pytest

from shared.settings.environment import ConfigurationError
from shared.wiring.assembly import assemble
from tests.unit.wiring.test_settings import CHAT, EMBEDDING, GOOD


async def test_the_platform_is_assembled_without_opening_anything(tmp_path: object) -> None:
    platform = assemble(GOOD | {"FLIGHTDECK_STORE": f"sqlite:///{tmp_path}/deep/store.db"})
    assert [model.id for model in platform.models.all().data] == ["chat", "embedding"]
    assert set(platform.probes) == {"store", "queues", "blobs", "model chat", "model embedding"}
    await platform.close()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"AzureWebJobsStorage": "nonsense"}, "AzureWebJobsStorage is wrong"),
        ({"FLIGHTDECK_MODELS": json.dumps({"chat": CHAT})}, "FLIGHTDECK_EMBEDDING_MODEL is None"),
        ({"FLIGHTDECK_EMBEDDING_MODEL": "other"}, "must name one of .'embedding'."),
        ({"FLIGHTDECK_REWRITE_MODEL": "embedding"}, "FLIGHTDECK_REWRITE_MODEL is 'embedding'; .* of .'chat'."),
    ],
)
def test_a_wrong_setting_is_named(change: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        assemble(GOOD | change)


def test_two_embedding_models_need_a_choice() -> None:
    other = EMBEDDING | {"deployments": [{"id": "c", "endpoint": "http://127.0.0.1/v1", "model": "m"}]}
    models = {"FLIGHTDECK_MODELS": json.dumps({"embedding": EMBEDDING, "other": other})}
    with pytest.raises(ConfigurationError, match="FLIGHTDECK_EMBEDDING_MODEL"):
        assemble(GOOD | models)
    assert assemble(GOOD | models | {"FLIGHTDECK_EMBEDDING_MODEL": "other"})


def with_second(**fields: object) -> dict[str, str]:
    second = EMBEDDING | {"deployments": [{"id": "c", "endpoint": "http://127.0.0.1/v1", "model": "m"}]} | fields
    models = {"chat": CHAT, "embedding": EMBEDDING, "second": second}
    settings = {"FLIGHTDECK_EMBEDDING_MODEL": "embedding", "FLIGHTDECK_EMBEDDING_MODEL_NEXT": "second"}
    return GOOD | {"FLIGHTDECK_MODELS": json.dumps(models)} | settings


async def test_a_next_embedding_model_needs_an_index_of_its_own(tmp_path: object) -> None:
    with pytest.raises(ConfigurationError, match="in the same index ''"):
        assemble(with_second())
    store = {"FLIGHTDECK_STORE": f"sqlite:///{tmp_path}/store.db"}
    platform = assemble(with_second(index="large") | store)
    assert platform.migration is not None
    await platform.close()
    settled = assemble(with_second(index="large") | store | {"FLIGHTDECK_EMBEDDING_MODEL": "second"})
    assert settled.migration is None
    await settled.close()


def test_a_next_embedding_model_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="FLIGHTDECK_EMBEDDING_MODEL_NEXT is 'third'"):
        assemble(with_second(index="large") | {"FLIGHTDECK_EMBEDDING_MODEL_NEXT": "third"})
