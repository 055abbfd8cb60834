"""What a host is started with: the caller's choices, and what the app's own host.json says."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
DEVELOPMENT_STORAGE = "UseDevelopmentStorage=true"
_MAX_BATCH = 32
_LEVELS = {"trace": "DEBUG", "debug": "DEBUG", "warning": "WARNING", "error": "ERROR", "critical": "CRITICAL"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfig:
    """`env` is laid over this process's own environment for workers; `storage` becomes their AzureWebJobsStorage.

    `python` is the interpreter that workers run on.
    """

    app_dir: Path
    port: int = 7071
    storage: str = DEVELOPMENT_STORAGE
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    worker_processes: int = 1
    verbose: bool = False
    grace_s: float = 10.0
    lock_s: int = 600
    max_poll_s: float = 1.0
    idle_s: float = 230.0
    start_timeout_s: float = 60.0
    max_body_bytes: int = 104_857_600
    enable_auth: bool = False
    master_key: str = "master"
    function_key: str = "function"
    host_id: str = ""
    python: str = sys.executable

    @property
    def settings(self) -> dict[str, str]:
        """A worker's app settings: local.settings.json, this environment, the caller's env, then what a host fixes."""
        return {
            **_local_settings(self.app_dir),
            **os.environ,
            **self.env,
            "AzureWebJobsStorage": expanded(self.storage),
            "AzureWebJobsScriptRoot": str(self.app_dir),
            "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
            "FUNCTIONS_WORKER_RUNTIME": "python",
            "WEBSITE_HOSTNAME": f"127.0.0.1:{self.port}",
        }

    @property
    def identity(self) -> str:
        """The host id: the same for every host of one app folder, so that they share timers and leases."""
        digest = hashlib.sha256(str(self.app_dir.resolve()).encode()).hexdigest()
        return self.host_id or f"local-{digest[:20]}"


@dataclass(frozen=True, slots=True)
class QueueOptions:
    batch_size: int
    new_batch_threshold: int
    max_dequeue_count: int
    retry_delay_s: float
    max_poll_s: float
    base64: bool


@dataclass(frozen=True, slots=True)
class HostJson:
    route_prefix: str
    function_timeout_s: float | None
    log_level: str  # of what functions log
    queues: QueueOptions
    blobs: QueueOptions


def read_host_json(config: HostConfig) -> HostJson:
    path = config.app_dir / "host.json"
    document: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    extensions = document.get("extensions", {})
    queues = _queue_options(extensions.get("queues", {}), config.max_poll_s)
    return HostJson(
        route_prefix=extensions.get("http", {}).get("routePrefix", "api"),
        function_timeout_s=_timeout(document.get("functionTimeout", "00:30:00")),
        log_level=_log_level(document.get("logging", {}).get("logLevel", {})),
        queues=queues,
        blobs=_blob_options(extensions.get("blobs", {}), queues),
    )


def _queue_options(section: dict[str, Any], max_poll_s: float) -> QueueOptions:
    batch_size = min(_MAX_BATCH, section.get("batchSize", 16))
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=section.get("newBatchThreshold", batch_size // 2 * (os.cpu_count() or 1)),
        max_dequeue_count=section.get("maxDequeueCount", 5),
        retry_delay_s=seconds(section.get("visibilityTimeout", "00:00:00")),
        max_poll_s=min(max_poll_s, seconds(section.get("maxPollingInterval", "00:01:00"))),
        base64=section.get("messageEncoding", "base64").lower() == "base64",
    )


def _blob_options(section: dict[str, Any], queues: QueueOptions) -> QueueOptions:
    """The blob trigger's own queue: maxDegreeOfParallelism is split into a batch and the threshold for the next."""
    parallel = section.get("maxDegreeOfParallelism", 8 * (os.cpu_count() or 1))
    batch_size = min(_MAX_BATCH, parallel // 2 + 1)
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=max(0, parallel - batch_size),
        max_dequeue_count=section.get("poisonBlobThreshold", 5),
        retry_delay_s=0.0,
        max_poll_s=queues.max_poll_s,
        base64=True,
    )


def _log_level(levels: dict[str, str]) -> str:
    """The level for functions in Python's words; `None` is as good as the highest."""
    level = levels.get("Function", levels.get("default", "Information")).lower()
    return "CRITICAL" if level == "none" else _LEVELS.get(level, "INFO")


def _timeout(text: str) -> float | None:
    return None if text == "-1" else seconds(text)


def seconds(span: str) -> float:
    """A .NET TimeSpan, `[d.]hh:mm:ss[.fff]`, in seconds."""
    days, _, clock = span.rpartition(".") if span.count(".") and span.find(".") < span.find(":") else ("", "", span)
    hours, minutes, rest = clock.split(":")
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(rest)


def expanded(connection: str) -> str:
    """The SDK for Python does not know the short form of the development account."""
    if connection.strip().rstrip(";") != DEVELOPMENT_STORAGE:
        return connection
    return development_account(10000, 10001)


def development_account(blob_port: int, queue_port: int) -> str:
    account = "devstoreaccount1"
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={_ACCOUNT_KEY};"
        f"BlobEndpoint=http://127.0.0.1:{blob_port}/{account};QueueEndpoint=http://127.0.0.1:{queue_port}/{account};"
    )


def _local_settings(app_dir: Path) -> dict[str, str]:
    path = app_dir / "local.settings.json"
    values: dict[str, Any] = json.loads(path.read_text()).get("Values", {}) if path.exists() else {}
    return {name: str(value) for name, value in values.items()}
