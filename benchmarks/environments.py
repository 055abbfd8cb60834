"""Environments of what Flightdeck is compared with, in `.bench/`."""

from benchmarks.report import ROOT
from local.setup.pinned import PinnedEnvironment


def _environment(name: str) -> PinnedEnvironment:
    return PinnedEnvironment(ROOT / ".bench" / name, ROOT / "benchmarks" / f"requirements-{name}.txt")


LITELLM = _environment("litellm")
RAG = _environment("rag")
