"""The package as it goes to Azure: alone, with nothing but its own dependencies, over the Cosmos adapter."""

import os
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from local import package
from local.azurite import Azurite
from tests.cosmos.fake import FakeCosmos
from tests.cosmos.worlds import definitions
from tests.scenarios.deck import running
from tests.scenarios.test_documents import add, search
from tests.upstream import ScriptedUpstream


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    archive = package.build(tmp_path / "built", compresslevel=0).archive
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path / "wwwroot")
    return tmp_path / "wwwroot"


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An interpreter that finds nothing but what PYTHONPATH names."""
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys._base_executable}" -S "$@"\n')
    bare.chmod(0o755)
    return str(bare)


@pytest.fixture
def dependencies(unpacked: Path, tmp_path: Path) -> str:
    """PYTHONPATH with the package's dependencies and the platform's own library, no more."""
    spec = find_spec("azure_functions_runtime")
    assert spec is not None
    assert spec.submodule_search_locations
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "azure_functions_runtime").symlink_to(spec.submodule_search_locations[0])
    return os.pathsep.join([str(unpacked / package.DEPENDENCIES), str(tmp_path / "platform")])


async def test_the_package_answers_and_indexes_with_nothing_else_installed(
    unpacked: Path, dependencies: str, python: str, tmp_path: Path, own_azurite: Azurite, upstream: ScriptedUpstream
) -> None:
    async with FakeCosmos(definitions(384)) as fake:
        settings = {"FLIGHTDECK_STORE": f"cosmos:{fake.url}", "PYTHONPATH": dependencies}
        async with running(tmp_path, own_azurite, upstream, settings, app_dir=unpacked, python=python) as deck:
            client = deck.client()
            messages = [{"role": "user", "content": "Say something."}]
            answer = await client.chat.completions.create(model="chat", messages=messages)
            assert answer.choices[0].message.content == "Scripted answer."
            store = await client.vector_stores.create(name="manuals")
            added = await add(deck, store.id, "press.txt", b"The press stops when the red lever is pulled.")
            assert added.status == "completed"
            assert [hit.filename for hit in await search(deck, store.id, "red lever")] == ["press.txt"]
