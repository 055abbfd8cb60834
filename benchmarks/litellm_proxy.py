"""LiteLLM's proxy as one side: in its own environment, one worker, a master key, no database, nothing switched on."""

from pathlib import Path

from benchmarks import environments
from benchmarks.processes import Program, family, free_port
from benchmarks.sides import KEY, MODELS, Side

_SETTINGS = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MASTER_KEY": KEY,
}


def version() -> str:
    return f"LiteLLM {environments.LITELLM.version('litellm')}"


async def start(upstream_url: str, folder: Path) -> Side:
    await environments.LITELLM.install()
    port = free_port()
    config = folder / "litellm.yaml"
    config.write_text(_config(upstream_url))
    command = [str(environments.LITELLM.program("litellm")), "--config", str(config), "--port", str(port)]
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
