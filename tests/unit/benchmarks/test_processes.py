"""The benchmark's clock: a wrong one makes wrong claims."""

import asyncio
import sys
from pathlib import Path

import pytest

from benchmarks.processes import cpu_ms

BURN = """
import sys, threading, time
def burn():
    while time.process_time() < 0.3: pass
thread = threading.Thread(target=burn)
thread.start()
thread.join()
print(time.process_time() * 1000, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux")
async def test_the_time_of_a_thread_that_has_ended_still_counts() -> None:
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", BURN, stdin=pipe, stdout=pipe)
    own_ms = float(await child.stdout.readline())
    measured_ms = cpu_ms([child.pid])
    child.stdin.close()
    await child.wait()
    assert own_ms <= measured_ms < own_ms + 20
