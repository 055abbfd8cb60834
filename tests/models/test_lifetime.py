"""Starting and stopping the model server."""

import subprocess
import sys

import pytest

from tests.models.conftest import ROOT, Running, started

pytestmark = pytest.mark.model


def test_the_server_ends_with_the_process_that_started_it():
    running = started("--with-parent")
    _, rest = running.process.communicate(timeout=20)  # closes standard input, as the end of a parent does
    assert running.process.returncode == 0
    assert not rest


def test_a_taken_port_is_one_sentence(server: Running):
    port = server.url.rsplit(":", 1)[1].removesuffix("/v1")
    command = [sys.executable, "-m", "local.models", "--port", port]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} is taken; choose another with --port.\n"
