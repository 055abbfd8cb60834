"""A real Azurite on free ports, for as long as a test session."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARY = Path(__file__).parents[2] / "node_modules" / ".bin" / "azurite"
NAME = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_READY = re.compile(r"(Blob|Queue) service is successfully listening at (http://\S+)")


@contextmanager
def running() -> Iterator[str]:
    """The connection string of an Azurite that is gone, with all its data, afterwards."""
    # Not --inMemoryPersistence: there each message is an extent, and the collection of some thousands of them, a
    # minute after the start, keeps Azurite 3.35 from answering for minutes.
    with tempfile.TemporaryDirectory() as folder:
        ports = ["--blobPort", "0", "--queuePort", "0", "--tablePort", "0"]
        command = [str(BINARY), "--silent", "--disableTelemetry", "--location", folder, *ports]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            yield _connection(process)
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _connection(process: "subprocess.Popen[str]") -> str:
    found: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        if match := _READY.search(line):
            found[match[1]] = match[2]
        if len(found) == 2:
            break
    else:
        raise RuntimeError("Azurite ended before it listened.")
    endpoints = "".join(f"{service}Endpoint={url}/{NAME};" for service, url in found.items())
    return f"DefaultEndpointsProtocol=http;AccountName={NAME};AccountKey={KEY};{endpoints}"
