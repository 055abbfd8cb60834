"""LiteLLM's proxy as one side: in its own environment, one worker, a master key, no database, nothing switched on."""

import asyncio
import os
import shutil
from pathlib import Path

from benchmarks.processes import Program, family, free_port
from benchmarks.report import ROOT
from benchmarks.sides import KEY, MODELS, Side

_ENVIRONMENT = ROOT / ".bench"
_REQUIREMENTS = ROOT / "benchmarks" / "requirements-litellm.txt"
_SETTINGS = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MASTER_KEY": KEY,
}


def version() -> str:
    pins = _REQUIREMENTS.read_text().splitlines()
    return next(pin for pin in pins if pin.startswith("litellm==")).replace("litellm==", "LiteLLM ")


async def start(upstream_url: str, folder: Path) -> Side:
    await _install()
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text(_config(upstream_url))
    command = [str(_ENVIRONMENT / "bin" / "litellm"), "--config", str(config), "--port", str(port)]
    command += ["--host", "127.0.0.1", "--num_workers", "1"]
    program = await Program.start("litellm", command, port=port, env=_SETTINGS)
    headers = {"Authorization": f"Bearer {KEY}"}
    return Side("LiteLLM proxy", [program], f"http://127.0.0.1:{port}", family(program.pid), headers=headers)


def _config(upstream_url: str) -> str:
    models = "".join(
        f"  - model_name: {name}\n    litellm_params:\n      model: openai/{name}\n"
        f"      api_base: {upstream_url}/v1\n      api_key: {KEY}\n"
        for name in MODELS
    )
    return f"model_list:\n{models}litellm_settings:\n  num_retries: 0\n  telemetry: false\n  set_verbose: false\n"


async def _install() -> None:
    """Make `.bench/` when it is not there or its requirements changed."""
    stamp = _ENVIRONMENT / "requirements.txt"
    wanted = _REQUIREMENTS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("Installing LiteLLM into .bench/ (once) ...", flush=True)
    await _uv("venv", "--quiet", "--clear", "--python", "3.13", str(_ENVIRONMENT))
    python = str(_ENVIRONMENT / "bin" / "python")
    await _uv("pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", str(_REQUIREMENTS))
    stamp.write_text(wanted)


async def _uv(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(_find_uv(), *arguments)
    if await process.wait():
        raise SystemExit(f"`uv {arguments[0]}` failed.")


def _find_uv() -> str:
    places = [ROOT / ".venv" / "bin", ROOT / ".tools" / "bin", ROOT / ".tools", Path.home() / ".local" / "bin"]
    found = shutil.which("uv", path=os.pathsep.join([*map(str, places), os.environ.get("PATH", "")]))
    if found is None:
        raise SystemExit("This needs uv; `make bench` brings it.")
    return found
