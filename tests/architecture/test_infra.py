"""What no checker says about the Bicep files: no keys, a word on every parameter, the rules of the design."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shared.reference import DOCUMENT
from tests.architecture import bicep

ROOT = Path(__file__).parents[2]
FILES = bicep.every_file()

_VERSIONS = {
    "Microsoft.Web": "2025-03-01",
    "Microsoft.Storage": "2025-06-01",
    "Microsoft.EventGrid": "2025-02-15",
    "Microsoft.DocumentDB": "2025-10-15",
    "Microsoft.CognitiveServices": "2025-12-01",
    "Microsoft.KeyVault": "2024-11-01",
    "Microsoft.ManagedIdentity": "2024-11-30",
    "Microsoft.OperationalInsights": "2025-07-01",
    "Microsoft.Insights/components": "2020-02-02",
    "Microsoft.Insights/scheduledQueryRules": "2023-12-01",
    "Microsoft.Insights/actionGroups": "2023-01-01",
    "Microsoft.Insights/workbooks": "2023-06-01",
    "Microsoft.Insights/diagnosticSettings": "2021-05-01-preview",
    "Microsoft.Network/privateDnsZones": "2024-06-01",
    "Microsoft.Network": "2025-05-01",
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
}


@pytest.mark.parametrize("name", FILES)
def test_no_key_is_listed_or_accepted(name: str) -> None:
    assert re.findall(r"\blist(?:Keys|AccountSas|ServiceSas|Secrets)?\(", FILES[name]) == []
    assert re.findall(r"AccountKey=|SharedAccessKey|instrumentationKey", FILES[name], re.IGNORECASE) == []


@pytest.mark.parametrize("name", FILES)
def test_every_parameter_and_output_is_described(name: str) -> None:
    lines = FILES[name].splitlines()
    for at, line in enumerate(lines):
        if line.startswith(("param ", "output ")):
            above = "\n".join(lines[max(0, at - 6) : at]).rpartition("\n\n")[2]
            assert "@description(" in above, line


@pytest.mark.parametrize("name", FILES)
def test_no_secure_parameter_has_a_fixed_default(name: str) -> None:
    for default in re.findall(r"@secure\(\)\nparam \w+ string(?: = (.*))?", FILES[name]):
        assert default in ("", "''", "'${newGuid()}${newGuid()}'")


@pytest.mark.parametrize("name", FILES)
def test_every_resource_has_the_api_version_of_the_design(name: str) -> None:
    for kind, version in re.findall(r"^resource \w+ '([^@]+)@([^']+)'", FILES[name], re.MULTILINE):
        longest = max((known for known in _VERSIONS if kind.startswith(known)), key=len)
        assert version == _VERSIONS[longest], kind


def test_local_authentication_is_off_wherever_there_is_a_switch() -> None:
    assert "allowSharedKeyAccess: false" in FILES["modules/storage.bicep"]
    for module in ("cosmos", "models"):
        assert "disableLocalAuth: true" in bicep.module(module)
    assert "DisableLocalAuth: true" in bicep.module("monitoring")
    assert "disableLocalAuth: true" in bicep.module("monitoring")
    assert "enableRbacAuthorization: true" in bicep.module("vault")


def test_event_grid_can_always_reach_the_storage_account() -> None:
    storage = bicep.module("storage")
    assert "publicNetworkAccess: 'Enabled'" in storage
    assert "networkAcls: { defaultAction: privateNetwork ? 'Deny' : 'Allow', bypass: 'AzureServices' }" in storage


def test_events_reach_the_queue_whether_the_webhook_is_on_or_not() -> None:
    assert re.search(r"^resource toQueue '[^']+' = {", bicep.module("events"), re.MULTILINE)
    assert re.search(r"^module blobWebhook '[^']+' = if \(blobWebhookEnabled\)", FILES["main.bicep"], re.MULTILINE)


def test_deployments_of_models_change_one_at_a_time() -> None:
    assert "@batchSize(1)\nresource chat " in bicep.module("models")


@pytest.mark.parametrize("secret", ["pepper", "bootstrapKey"])
def test_each_secret_is_written_once(secret: str) -> None:
    assert f"@onlyIfNotExists()\nresource {secret} " in bicep.module("vault")


def test_secrets_reach_the_app_as_references_to_the_vault_alone() -> None:
    settings = bicep.properties(bicep.module("app"), "settings")
    for name in ("FLIGHTDECK_KEY_PEPPER", "FLIGHTDECK_BOOTSTRAP_KEY"):
        assert "'@Microsoft.KeyVault(SecretUri=${" in settings[name]


def test_no_key_is_in_the_package() -> None:
    assert "FLIGHTDECK_KEYS_FILE" not in bicep.properties(bicep.module("app"), "settings")
    assert [path for top in ("functions", "shared") for path in (ROOT / top).rglob("*.json")] == [DOCUMENT]


def test_every_value_of_the_parameter_file_has_its_parameter() -> None:
    given = set(re.findall(r"^param (\w+) =", (ROOT / "infra/main.bicepparam").read_text(), re.MULTILINE))
    known = set(re.findall(r"^param (\w+) ", FILES["main.bicep"], re.MULTILINE))
    assert given <= known


def test_every_alert_is_explained_to_the_operator() -> None:
    names = set(re.findall(r"name: '([a-z0-9-]+)'[ \n]+severity", bicep.module("alerts")))
    names |= set(re.findall(r"{ name: '([a-z0-9-]+)', severity", bicep.module("alerts")))
    assert len(names) >= 6
    operations = (ROOT / "docs/operations.md").read_text()
    assert [name for name in names if f"`{name}`" not in operations] == []


def test_every_output_that_a_hook_needs_is_there() -> None:
    outputs = set(re.findall(r"^output (\w+) ", FILES["main.bicep"], re.MULTILINE))
    for hook in (ROOT / "infra/hooks").glob("*.sh"):
        needed = set(re.findall(r"\$\{?([A-Z][A-Z_]{3,})\b", hook.read_text()))
        assert needed <= outputs, hook.name


@pytest.mark.parametrize("hook", sorted(path.name for path in (ROOT / "infra/hooks").glob("*.sh")))
def test_hooks_are_shell_that_parses(hook: str) -> None:
    shell = shutil.which("sh")
    assert shell
    subprocess.run([shell, "-n", str(ROOT / "infra/hooks" / hook)], check=True)


def test_the_package_is_built_here_and_nowhere_else() -> None:
    azure = (ROOT / "azure.yaml").read_text()
    assert "remoteBuild: false" in azure
    assert "dist: .local/package/app" in azure
    assert "run: make package" in azure
