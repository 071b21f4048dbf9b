"""The command `test`: a browser, then pytest; `pytest_services` brings the servers."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from devtools import browser
from devtools.children import leash

# A process a core and two more, for half of the time a test waits; `pytest_places` says which
# tests stay together, in the order of the tree. Only a full run is worth it.
PROCESSES = (os.cpu_count() or 1) + 2
PARALLEL = (
    f"-n {PROCESSES} -p devtools.pytest_places --dist loadfile --no-loadscope-reorder".split()
)


def run(arguments: Sequence[str]) -> int:
    """Run them; the exit status."""
    environment = os.environ | {"BROWSER": str(browser.ensure())}
    command = pytest(arguments or PARALLEL)
    process = subprocess.Popen(
        command,
        env=environment,
        preexec_fn=leash(signal.SIGTERM),  # noqa: PLW1509 - no threads run yet
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is heard by pytest, which cleans up
    return process.wait()


def pytest(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]


def chaos(faults: int, seed: int | None, distribution: str) -> int:
    """Break the system so often; the exit status."""
    words = ["-m", "tests.chaos", f"--faults={faults}", f"--distribution={distribution}"]
    words += [f"--seed={seed}"] if seed is not None else []
    return subprocess.run([sys.executable, *words], check=False).returncode
