"""Judge the Bicep files without the compiler: property names and types offline, and checkov's rules.

`python infra/check.py`. What the compiler itself says is for the GitHub workflow. checkov takes half a minute of
processor time, so its verdict is kept in .tools until a file or the pin changes; without a network and without a warm
cache of packages it is skipped, and says so.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
INFRA = ROOT / "infra"
BICEPCHECK = ROOT / "../shared/tools/bicepcheck/bicepcheck.py"
CHECKOV = "checkov==3.3.30"
VERDICT = ROOT / ".tools" / "checkov.json"
COUNTS = ("passed", "failed", "skipped", "parsing_errors")

GLOBAL_SKIPS = {
    "CKV_AZURE_131": "the pepper's default is newGuid(), made anew each time; test_infra looks for other defaults",
}
UNKNOWN_TO_CHECKOV = ("@onlyIfNotExists()",)
"""Valid since Bicep 0.38; checkov's parser is older and would not read the file."""


def main() -> int:
    failures = [failure for check in (_types, _rules) for failure in check()]
    for failure in failures:
        print(f"  {failure}", file=sys.stderr)
    return 1 if failures else 0


def _types() -> list[str]:
    if not BICEPCHECK.exists():
        print("bicepcheck: skipped, ../shared/tools/bicepcheck is not here.")
        return []
    done = subprocess.run(
        [sys.executable, str(BICEPCHECK.resolve()), "infra"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = done.stdout.strip().splitlines() or [done.stderr.strip()]
    print(f"bicepcheck: {lines[-1]}")
    return [] if done.returncode == 0 else lines[:-1] or lines


def _rules() -> list[str]:
    digest = _digest()
    kept = json.loads(VERDICT.read_text()) if VERDICT.exists() else {}
    if kept.get("digest") != digest:
        summary = _checkov()
        if summary is None:
            print("checkov: skipped, it cannot be had: no network, or no uv.")
            return []
        kept = {"digest": digest, **summary}
        VERDICT.parent.mkdir(exist_ok=True)
        VERDICT.write_text(json.dumps(kept))
    print(
        "checkov: {passed} passed, {failed} failed, {skipped} skipped, {parsing_errors} parsing errors".format(**kept)
    )
    failures: list[str] = kept["failures"]
    if kept["parsing_errors"]:
        failures.append(f"checkov could not read {kept['parsing_errors']} files, and passes what it cannot read.")
    return failures


def _digest() -> str:
    files = sorted([*INFRA.rglob("*.bicep"), Path(__file__)])
    return hashlib.sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()


def _checkov() -> dict[str, Any] | None:
    """Run it in an environment of its own, from the cache when it is there. None when there is no such program."""
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv")
    with tempfile.TemporaryDirectory() as folder:
        _readable_copy(Path(folder, "infra"))
        tool = ["tool", "run", "--quiet", "--python", sys.executable, "--from", CHECKOV]
        if _run([uv, *tool, "--offline", "checkov", "--version"], folder) is None:
            print("checkov: getting it, once.", flush=True)
            if _run([uv, *tool, "checkov", "--version"], folder) is None:
                return None
        skips = ["--skip-check", ",".join(GLOBAL_SKIPS)]
        checkov = ["checkov", "-d", "infra", "--framework", "bicep", "--compact", "-o", "json", "--skip-download"]
        done = _run([uv, *tool, "--offline", *checkov, *skips], folder)
        return None if done is None else _summary(json.loads(done))


def _readable_copy(target: Path) -> None:
    shutil.copytree(INFRA, target, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for path in target.rglob("*.bicep"):
        lines = [line for line in path.read_text().splitlines(keepends=True) if line.strip() not in UNKNOWN_TO_CHECKOV]
        path.write_text("".join(lines))


def _run(command: list[str], folder: str) -> str | None:
    """Standard output; None when the command gives none."""
    environment = os.environ | {"LOG_LEVEL": "ERROR", "UV_PYTHON_DOWNLOADS": "never"}
    try:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout or None


def _summary(report: dict[str, Any]) -> dict[str, Any]:
    counts = {name: report["summary"][name] for name in COUNTS}
    results = report["results"]
    failures = [
        f"{one['check_id']} {one['check_name']}: {one['file_path']} {one['resource']}"
        for one in results["failed_checks"]
    ]
    failures += [
        f"{one['check_id']} is skipped without a reason: {one['file_path']}"
        for one in results["skipped_checks"]
        if not one["check_result"].get("suppress_comment")
    ]
    return {**counts, "failures": failures}


if __name__ == "__main__":
    sys.exit(main())
