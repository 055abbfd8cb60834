"""The SDK's set-up: what is loaded when, and where it goes. In fresh processes: telemetry is a process's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings.environment import telemetry_wanted

ROOT = Path(__file__).parents[3]
SETTINGS = {
    "FLIGHTDECK_STORE": "sqlite:///store.db",
    "FLIGHTDECK_MODELS": '{"m": {"deployments": [{"id": "a", "endpoint": "http://127.0.0.1:9/v1", "model": "m"}]}}',
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
}
INSIGHTS = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:9/"


def run(program: str, **settings: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLIGHTDECK_")}
    quiet = {"APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**kept, **SETTINGS, **quiet, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


ONE_SPAN = """
import sys
from shared import wiring
from shared.tracing import spans
wiring.observe()
wiring.observe()
with spans.span("one"):
    pass
print(*[name for name in ("opentelemetry.sdk", "azure.monitor") if name in sys.modules])
"""


def test_without_a_setting_nothing_is_loaded() -> None:
    assert run(ONE_SPAN) == []


def test_a_wrong_setting_leaves_telemetry_off_for_the_platform_to_name() -> None:
    assert run(f"{ONE_SPAN}\nprint(spans.recording())", FLIGHTDECK_TRACES="nowhere")[-1] == "False"


def test_the_exporter_waits_until_spans_are_due() -> None:
    assert run(f"{ONE_SPAN}\nimport os; os._exit(0)", APPLICATIONINSIGHTS_CONNECTION_STRING=INSIGHTS) in (
        [],
        ["opentelemetry.sdk"],
    )


def test_spans_that_come_before_the_exporter_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    run(ONE_SPAN, FLIGHTDECK_TRACES=f"file://{file}")
    assert [json.loads(line)["name"] for line in file.read_text().splitlines() if '"parent_id"' in line] == ["one"]


def test_a_caller_that_does_not_record_is_followed_whatever_the_share(tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    asked = """
from shared import wiring
from shared.tracing import spans
wiring.observe()
for flag in ("00", "01"):
    with spans.span(f"after {flag}", parent=f"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flag}"):
        pass
with spans.span("our own"):
    pass
"""
    run(asked, FLIGHTDECK_TRACES=f"file://{file}", FLIGHTDECK_TRACE_RATIO="0")
    assert [json.loads(line)["name"] for line in file.read_text().splitlines() if '"parent_id"' in line] == ["after 01"]


@pytest.mark.parametrize("client_id", ["None", "'client'"])
def test_azure_monitors_exporters_are_made_with_the_apps_identity(client_id: str) -> None:
    made = f"""
from shared.adapters.otel import exporters
both = exporters.azure_monitor({INSIGHTS!r}, {client_id})
print(type(both.spans()).__name__, type(both.metrics()).__name__)
"""
    assert run(made) == ["AzureMonitorTraceExporter", "AzureMonitorMetricExporter"]


def test_telemetry_is_wanted_where_it_has_somewhere_to_go() -> None:
    assert not telemetry_wanted({"APPLICATIONINSIGHTS_CONNECTION_STRING": ""})
    assert telemetry_wanted({"APPLICATIONINSIGHTS_CONNECTION_STRING": INSIGHTS})
    assert telemetry_wanted({"FLIGHTDECK_TRACES": "file:///tmp/traces"})
