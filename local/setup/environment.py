"""What local mode tells others: the platform its settings, a shell its variables, a person how to begin."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.models import catalogue
from local.setup.credentials import Credentials, write_key_list, write_private

_STORAGE = "AZURE_STORAGE_CONNECTION_STRING"
_API_VERSION = "2024-10-21"  # the newest stable one: https://learn.microsoft.com/azure/ai-services/openai/reference


def local_catalogue(port: int, key: str) -> str:
    """FLIGHTDECK_MODELS for the model server of this machine."""
    endpoint = f"http://127.0.0.1:{port}/v1"

    def served(model: str, **facts: object) -> dict[str, Any]:
        deployment = {"id": f"local-{model}", "endpoint": endpoint, "kind": "openai", "model": model, "api_key": key}
        return {"deployments": [deployment], **facts}

    sizes = {
        "context_tokens": catalogue.MAX_TOKENS,
        "dimensions": catalogue.DIMENSIONS,
        "languages": catalogue.LANGUAGES,
    }
    models = {
        catalogue.CHAT: served(catalogue.CHAT, kind="chat", context_tokens=catalogue.CONTEXT_TOKENS),
        catalogue.EMBEDDING: served(catalogue.EMBEDDING, kind="embedding", **sizes),
    }
    return json.dumps(models)


def app_settings(folder: Path, owned: Credentials, models: str, given: Mapping[str, str]) -> dict[str, str]:
    """The platform's settings; what the caller's environment sets wins, and keys go with their pepper."""
    ours = {
        "FLIGHTDECK_STORE": f"sqlite:///{folder / 'flightdeck.db'}",
        "FLIGHTDECK_MODELS": models,
        "FLIGHTDECK_KEYS_FILE": str(write_key_list(folder, owned)),
        "FLIGHTDECK_KEY_PEPPER": owned.pepper,
    }
    return ours | {name: value for name, value in given.items() if name.startswith("FLIGHTDECK_")}


def write_shell_variables(folder: Path, url: str, owned: Credentials, storage: str) -> Path:
    """A file to `source`: what the OpenAI, AzureOpenAI and storage clients read by themselves."""
    variables = {
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": owned.api_key,
        "AZURE_OPENAI_ENDPOINT": url,
        "AZURE_OPENAI_API_KEY": owned.api_key,
        "OPENAI_API_VERSION": _API_VERSION,
        _STORAGE: storage,
    }
    path = folder / "env"
    write_private(path, "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
    return path


def stored_connection(folder: Path) -> str:
    """The storage connection string of the shell variables, which were written when local mode came up."""
    words = shlex.split((folder / "env").read_text()) if (folder / "env").exists() else []
    return next((word.partition("=")[2] for word in words if word.startswith(f"{_STORAGE}=")), "")


def write_local_settings(app: Path, settings: Mapping[str, str], storage: str, port: int) -> Path:
    """What `func start` reads; values that somebody added stay."""
    path = app / "local.settings.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    values = {"FUNCTIONS_WORKER_RUNTIME": "python", "AzureWebJobsStorage": storage, **settings}
    found |= {"IsEncrypted": False, "Values": found.get("Values", {}) | values, "Host": {"LocalHttpPort": port}}
    write_private(path, json.dumps(found, indent=2) + "\n")
    return path


def greeting(url: str, key: str, models: str, env_file: Path) -> str:
    known: dict[str, dict[str, Any]] = json.loads(models)
    model = next((name for name, facts in known.items() if facts.get("kind", "chat") == "chat"), "MODEL")
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Say hello."}]})
    return f"""
Flightdeck is ready on {url}
Key: {key}

  curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'

  from openai import OpenAI
  client = OpenAI(base_url="{url}/v1", api_key="{key}")
  answer = client.chat.completions.create(model="{model}", messages=[{{"role": "user", "content": "Say hello."}}])
  print(answer.choices[0].message.content)

In another shell: source {env_file}
Ctrl-C stops everything.
"""
