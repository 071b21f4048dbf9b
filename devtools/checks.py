"""The command `check`: everything that a commit must pass, each step a line with its time."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from devtools import testing

# As in production: https only, one host, a real key.
PRODUCTION = {
    "HTTPS": "1",
    "SECRET_KEY": secrets.token_urlsafe(48),
    "ALLOWED_HOSTS": "chat.example.org",
    "ALLOWED_ORIGINS": "https://chat.example.org",
}
NO_POOL = {"DATABASE_POOL_SIZE": "0"}  # no database is needed; a pool would wait for one
SLOW = ["-m", ""]  # no mark is left out


@dataclass(frozen=True)
class Step:
    """One command; it passes when it exits with 0."""

    name: str
    command: str
    environment: Mapping[str, str] = field(default_factory=dict)


STEPS = [
    Step("format", "ruff format --check ."),
    Step("lint", "ruff check ."),
    Step("types", "mypy"),
    Step("imports", "lint-imports"),
    Step("migrations", "python manage.py makemigrations --check --dry-run", NO_POOL),
    Step("deploy", "python manage.py check --deploy --fail-level WARNING", PRODUCTION),
]


def run(*, everything: bool) -> int:
    """0 when all steps pass, one after the other, and beside them the tests, which often wait."""
    with ThreadPoolExecutor(1) as beside:
        steps = {step.name: beside.submit(run_step, step) for step in STEPS}
        status = testing.run([*testing.PARALLEL, *(SLOW if everything else [])])
    failed = [name for name, passed in steps.items() if not passed.result()]
    failed += ["tests"] if status else []
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def run_step(step: Step) -> bool:
    """Run it and say so, on a line of its own amid pytest's dots; only a failure shows its output."""
    start = time.monotonic()
    program, *arguments = step.command.split()
    result = subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        env=os.environ | step.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    word = "failed" if result.returncode else "ok"
    print(f"\n{step.name:<12}{word:<8}{time.monotonic() - start:5.1f} s", flush=True)
    if result.returncode:
        print(result.stdout.decode(errors="replace"), flush=True)
    return result.returncode == 0
