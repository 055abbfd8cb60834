"""The telemetry functions, from the queue's message to the usage API, on a real store and real storage."""

import hashlib
import hmac
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.wire.usage import UsageMessage
from tests.contracts import azurite
from tests.unit.metering.conftest import event

ROOT = Path(__file__).parents[3]
KEY, PEPPER = "fd_test_acme_0123456789", "pepper"
MODELS = {
    "small": {"deployments": [{"id": "d1", "endpoint": "http://127.0.0.1:9/v1", "model": "small"}]},
    "vectors": {
        "kind": "embedding",
        "dimensions": 4,
        "deployments": [{"id": "e1", "endpoint": "http://127.0.0.1:9/v1", "model": "vectors"}],
    },
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the process printed after three deliveries of one event, one of another, and one unreadable message."""
    folder = tmp_path_factory.mktemp("telemetry")
    digest = hmac.new(PEPPER.encode(), KEY.encode(), hashlib.sha256).hexdigest()
    (folder / "keys.json").write_text(json.dumps([{"id": "key_1", "hmac": digest, "tenant": "acme"}]))
    first, second = (
        UsageMessage.model_validate(event(name, input_tokens=tokens)).model_dump_json()
        for name, tokens in (("1", 100), ("2", 11))
    )
    with azurite.running() as storage:
        settings = {
            "FLIGHTDECK_STORE": f"sqlite:///{folder}/store.db",
            "FLIGHTDECK_MODELS": json.dumps(MODELS),
            "FLIGHTDECK_KEYS_FILE": str(folder / "keys.json"),
            "FLIGHTDECK_KEY_PEPPER": PEPPER,
            "AzureWebJobsStorage": storage,
        }
        ended = subprocess.run(
            [sys.executable, "-m", "tests.unit.metering.telemetry_process"],
            cwd=ROOT,
            env=os.environ | settings,
            input=json.dumps({"messages": [first, second, first, first], "key": KEY, "storage": storage}),
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_a_tripled_message_is_counted_once(said: dict[str, Any]) -> None:
    results = [result for bucket in said["completions"]["data"] for result in bucket["results"]]
    assert [(result["model"], result["input_tokens"], result["num_model_requests"]) for result in results] == [
        ("small", 111, 2)
    ]


def test_embeddings_are_reported_apart(said: dict[str, Any]) -> None:
    assert said["embeddings"]["object"] == "page"
    assert [result for bucket in said["embeddings"]["data"] for result in bucket["results"]] == []


def test_a_query_without_a_start_is_refused(said: dict[str, Any]) -> None:
    assert said["refused"] == 400


def test_a_poisoned_message_is_kept(said: dict[str, Any]) -> None:
    name = "usage/" + hashlib.sha256(b"unreadable").hexdigest()[:32] + ".json"
    assert said["parked"] == [name]
