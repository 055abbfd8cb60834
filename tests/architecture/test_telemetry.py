"""Alerts, the workbook and the code speak of the same spans and metrics."""

import json
import re
from pathlib import Path

import pytest

from shared.tracing import names

ROOT = Path(__file__).parents[2]
RECORDED = {value for name, value in vars(names).items() if name.isupper()}
ASKED = [ROOT / "infra" / "modules" / "alerts.bicep", ROOT / "infra" / "workbook.json"]


def asked(path: Path) -> str:
    return path.read_text().replace('\\"', '"')


@pytest.mark.parametrize("path", ASKED, ids=lambda path: path.name)
def test_every_metric_that_is_asked_for_is_recorded(path: Path) -> None:
    metrics = set(re.findall(r'customMetrics\W+where name == "([^"]+)"', re.sub(r"\\n", " ", asked(path))))
    assert metrics
    assert metrics <= RECORDED


def test_every_dimension_that_is_asked_for_is_recorded() -> None:
    dimensions = set(re.findall(r'customDimensions\["([^"]+)"\]', asked(ASKED[1])))
    assert dimensions
    assert dimensions <= RECORDED


def test_the_host_passes_its_trace_context_on() -> None:
    assert json.loads((ROOT / "host.json").read_text())["telemetryMode"] == "OpenTelemetry"
    assert "PYTHON_ENABLE_OPENTELEMETRY: 'true'" in (ROOT / "infra" / "modules" / "app.bicep").read_text()
