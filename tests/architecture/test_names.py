"""Names that several places must agree on: queues, containers, functions, routes, settings. Derived, then compared."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import pytest

from functions.repeats import OPERATIONS
from infra import settings_page
from local.setup import environment
from local.setup.credentials import credentials
from shared.adapters.cosmos.account import DATABASE
from shared.adapters.cosmos.containers import CONTAINERS
from shared.adapters.storage.queues import TTL_S
from shared.metering.recording import POISON
from shared.ports.blobs import DOCUMENTS, FILES
from shared.ports.exports import EXPORTS
from shared.ports.queues import QueueName
from shared.reference import DOCUMENT
from shared.settings.environment import PREFIX, STORAGE
from shared.settings.settings import Settings
from tests.architecture import bicep

ROOT = Path(__file__).parents[2]
QUEUES = set(get_args(QueueName.__value__ if hasattr(QueueName, "__value__") else QueueName))
_METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}


def settings() -> set[str]:
    """Every app setting that the platform reads."""
    return {field.alias or PREFIX + name.upper() for name, field in Settings.model_fields.items()}


class Triggers:
    """What the decorators in functions/ say, read without running them: a module can be indexed only once."""

    def __init__(self) -> None:
        self.queues: dict[str, str] = {}
        self.routes: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.blobs: dict[str, str] = {}
        self.timers: dict[str, str] = {}
        self.outputs: set[str] = set()
        for path in sorted((ROOT / "functions").glob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self._read(node, _constants(path))

    @property
    def functions(self) -> set[str]:
        return {*self.queues, *self.routes, *self.blobs, *self.timers}

    def _read(self, node: ast.FunctionDef | ast.AsyncFunctionDef, constants: dict[str, str]) -> None:
        for decorator in node.decorator_list:
            if not isinstance(decorator, ast.Call) or not isinstance(decorator.func, ast.Attribute):
                continue
            named = {one.arg: _value(one.value, constants) for one in decorator.keywords}
            match decorator.func.attr:
                case "queue_trigger":
                    self.queues[node.name] = named["queue_name"]
                case "queue_output":
                    self.outputs.add(named["queue_name"])
                case "timer_trigger":
                    self.timers[node.name] = named["schedule"]
                case "blob_trigger":
                    self.blobs[node.name] = named["path"]
                case "route":
                    self.routes[node.name] = (_value(decorator.args[0], constants), tuple(named["methods"]))


def _constants(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = _value(node.value, found)
            except ValueError:
                continue
    return found


def _value(node: ast.expr, constants: dict[str, str]) -> Any:
    match node:
        case ast.Name(id=name) if name in constants:
            return constants[name]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _value(left, constants) + _value(right, constants)
        case ast.Attribute() | ast.Call():
            return ast.unparse(node)
        case _:
            return ast.literal_eval(node)


TRIGGERS = Triggers()


class TestQueues:
    def test_every_queue_of_the_port_is_deployed_and_no_other(self) -> None:
        assert set(bicep.literal(bicep.module("storage"), "queueNames")) == QUEUES

    def test_every_queue_has_one_consumer_and_every_consumer_a_queue(self) -> None:
        assert sorted(TRIGGERS.queues.values()) == sorted(QUEUES)

    def test_every_queue_has_its_poison_queue(self) -> None:
        work = {name for name in QUEUES if not name.endswith("-poison")}
        assert work | {f"{name}-poison" for name in work} == QUEUES

    def test_triggers_write_to_queues_of_the_port(self) -> None:
        assert TRIGGERS.outputs <= QUEUES

    def test_poison_queues_are_where_the_host_looks_for_them(self) -> None:
        host = json.loads((ROOT / "host.json").read_text())["extensions"]["queues"]
        assert host["messageEncoding"] == "base64", "Event Grid writes base64 and nothing else"
        assert host["maxDequeueCount"] >= 1

    def test_events_are_delivered_where_documents_are_consumed(self) -> None:
        queue = re.search(r"output documentsQueue string = queueNames\[(\d)\]", bicep.module("storage"))
        assert queue
        names = bicep.literal(bicep.module("storage"), "queueNames")
        assert names[int(queue.group(1))] == TRIGGERS.queues["index_document"]

    def test_events_live_in_the_queue_as_long_as_our_messages(self) -> None:
        assert f"queueMessageTimeToLiveInSeconds: {TTL_S}\n" in bicep.module("events")


class TestContainers:
    def test_every_container_that_code_names_is_deployed(self) -> None:
        assert set(bicep.literal(bicep.module("storage"), "containerNames")) == {FILES, DOCUMENTS, POISON, EXPORTS}

    def test_events_come_from_the_container_that_the_parser_expects(self) -> None:
        container = re.search(r"output documentsContainer string = containerNames\[(\d)\]", bicep.module("storage"))
        assert container
        assert bicep.literal(bicep.module("storage"), "containerNames")[int(container.group(1))] == DOCUMENTS
        source = (ROOT / "shared/wire/messages.py").read_text()
        assert f'"/blobServices/default/containers/{DOCUMENTS}/blobs/"' in source
        for module in ("events", "blob-webhook"):
            assert "subjectBeginsWith: '/blobServices/default/containers/${documentsContainer}/'" in bicep.module(
                module
            )

    def test_the_blob_trigger_listens_to_that_container(self) -> None:
        assert TRIGGERS.blobs == {"on_blob_uploaded": f"{DOCUMENTS}/{{name}}"}
        assert (
            f'"documentsContainer": {{ "value": "{DOCUMENTS}" }}' in (ROOT / "infra/hooks/blob-webhook.sh").read_text()
        )


class TestCosmos:
    def deployed(self) -> dict[str, dict[str, Any]]:
        source = bicep.module("cosmos")
        every = [*bicep.literal(source, "plainContainers"), bicep.literal(source, "chunksContainer")]
        return {one["name"]: one for one in every}

    def test_the_database_has_the_name_that_the_adapter_opens(self) -> None:
        assert bicep.literal(bicep.module("cosmos"), "databaseName") == DATABASE

    @pytest.mark.parametrize("container", CONTAINERS, ids=lambda one: one.name)
    def test_each_container_is_deployed_as_the_adapter_defines_it(self, container: Any) -> None:
        deployed = self.deployed()[container.name]
        assert deployed["partitionKey"] == container.partition_key
        assert deployed["indexed"] == list(container.indexed)
        assert deployed["ttl"] == (container.default_ttl_s or 0)

    def test_the_policies_of_passages_are_the_adapters(self) -> None:
        passages = next(one for one in CONTAINERS if one.has_passages).definition(1536)
        source = bicep.module("cosmos")
        assert passages["indexingPolicy"]["excludedPaths"] == [{"path": "/*"}, {"path": "/embedding/*"}]
        assert "excludedPaths: [{ path: '/*' }, { path: '/embedding/*' }]" in source
        (vector,) = passages["vectorEmbeddingPolicy"]["vectorEmbeddings"]
        shape = ", ".join(f"{name}: '{vector[name]}'" for name in ("path", "dataType", "distanceFunction"))
        assert f"{{ {shape}, dimensions: one.dimensions }}" in source
        assert passages["indexingPolicy"]["fullTextIndexes"] == [{"path": "/text"}]
        assert "fullTextIndexes: [{ path: '/text' }]" in source

    def test_all_containers_of_the_design_are_deployed(self) -> None:
        assert set(self.deployed()) == {one.name for one in CONTAINERS}


class TestSettings:
    def deployed(self) -> dict[str, str]:
        return bicep.properties(bicep.module("app"), "settings")

    def test_every_setting_that_is_deployed_is_read(self) -> None:
        assert {name for name in self.deployed() if name.startswith(PREFIX)} <= settings()

    def test_what_the_platform_needs_without_keys_is_deployed(self) -> None:
        ours = {name for name in settings() if name.startswith(STORAGE + "__")}
        assert ours <= set(self.deployed())
        assert STORAGE not in self.deployed(), "a connection string holds a key"
        required = {"FLIGHTDECK_STORE", "FLIGHTDECK_MODELS", "FLIGHTDECK_KEY_PEPPER", "FLIGHTDECK_BOOTSTRAP_KEY"}
        assert required <= set(self.deployed())

    def test_local_mode_sets_what_the_platform_reads(self, tmp_path: Path) -> None:
        given = environment.app_settings(tmp_path, credentials(tmp_path), "{}", {})
        assert set(given) <= settings()


class TestFunctionsAndRoutes:
    def mentioned(self, source: str) -> Iterable[str]:
        return re.findall(r"\b(?:on_\w+|index_document|record_usage|create_(?:chat|embedding|response)\w*)\b", source)

    def test_functions_that_infrastructure_names_exist(self) -> None:
        sources = {**bicep.every_file(), "workbook": (ROOT / "infra/workbook.json").read_text()}
        for name, source in sources.items():
            assert set(self.mentioned(source)) <= TRIGGERS.functions, name

    def test_event_grid_calls_the_blob_function_everywhere(self) -> None:
        assert bicep.literal(bicep.module("blob-webhook"), "functionName") in TRIGGERS.blobs
        local = (ROOT / "local/supervisor.py").read_text()
        assert {name for name in TRIGGERS.blobs if f"Host.Functions.{name}" in local} == set(TRIGGERS.blobs)

    def test_log_lines_that_alerts_wait_for_are_written(self) -> None:
        metering = ("shared/metering/recording.py", "shared/metering/reconcile.py")
        speaking = ("functions/consumer.py", *metering, "shared/gateway/budgets.py")
        written = "".join((ROOT / path).read_text() for path in speaking)
        for source in (bicep.module("alerts"), (ROOT / "infra/workbook.json").read_text()):
            for start in re.findall(r'message startswith \\?"(\w+ ?\w*)', source):
                assert start in written, start

    def test_routes_that_the_smoke_test_calls_exist(self) -> None:
        routes = {route for route, _ in TRIGGERS.routes.values()}
        called = set(re.findall(r'"\$url/([\w/-]+)"', (ROOT / "infra/hooks/smoke.sh").read_text()))
        assert called - {"v1/no-such-thing"} <= routes
        assert {"health", "ready"} <= called

    def test_no_two_functions_answer_the_same_request(self) -> None:
        requests = [(route, method) for route, methods in TRIGGERS.routes.values() for method in methods]
        assert len(requests) == len(set(requests))
        assert {method.lower() for _, method in requests} <= _METHODS

    def test_what_honours_idempotency_keys_makes_something_and_tells_no_secret(self) -> None:
        assert TRIGGERS.routes.keys() >= OPERATIONS
        assert not [name for name in OPERATIONS if "POST" not in TRIGGERS.routes[name][1] or "key" in name]

    def test_no_route_is_one_of_those_that_hang_the_worker(self) -> None:
        assert {route for route, _ in TRIGGERS.routes.values()}.isdisjoint({"openapi.json", "docs", "redoc"})
        assert json.loads((ROOT / "host.json").read_text())["extensions"]["http"]["routePrefix"] == ""


def test_the_page_about_settings_is_what_the_settings_say() -> None:
    assert settings_page.PAGE.read_text() == settings_page.page(), "run: python -m infra.settings_page"


_DESCRIBED = """
import json
from local.reference import coverage, document, routes
described = document.document(routes.routes())
print(json.dumps([document.text(described), coverage.page(described)]))
"""


class TestReference:
    def test_what_the_api_says_of_itself_is_what_the_code_says(self) -> None:
        # In a process of its own: an app can be indexed only once.
        script = [sys.executable, "-c", _DESCRIBED]
        made = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        written = [DOCUMENT.read_text(), (ROOT / "docs" / "openai.md").read_text()]
        assert written == json.loads(made), "run: python -m local.reference"

    def test_it_describes_every_route_that_takes_a_key(self) -> None:
        operations = [one for path in json.loads(DOCUMENT.read_text())["paths"].values() for one in path.values()]
        open_to_all = {"health", "ready", "not_found", "get_openapi_document", "show_reference"}
        assert {one["operationId"] for one in operations} == TRIGGERS.routes.keys() - open_to_all
