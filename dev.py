#!/usr/bin/env python3
"""Run, test and check the site. Needs Python 3.11 or newer and nothing else."""

from __future__ import annotations  # so that an old Python gets as far as being told

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LISTS = ("requirements-local.txt", "requirements-dev.txt")  # each contains the one before
NEEDED = {"run": "requirements-local.txt"}  # the other commands need everything


def parse(words: list[str]) -> argparse.Namespace:
    """The command line; `devtools` reads it too. What follows `test` is pytest's to understand."""
    if words[:1] == ["test"] and not {"-h", "--help"} & set(words):
        return argparse.Namespace(command="test", pytest=words[1:])
    return parser().parse_args(words)


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run",
        help="start everything on this machine; Ctrl-C stops it",
        description="Starts PostgreSQL, Redis, web replicas, workers and a front door before the "
        "replicas. Data, logs and passwords are in .local/; delete it to begin anew. DATABASE_URL "
        "and REDIS_URL, where given, are used instead; AGENT_MODEL, AGENT_BASE_URL and "
        "AGENT_API_KEY make the agent answer with a real model.",
    )
    run.add_argument("--port", type=int, default=8000, help="of the site (default: 8000)")
    run.add_argument("--replicas", type=int, default=2, help="web processes (default: 2)")
    run.add_argument("--workers", type=int, default=2, help="worker processes (default: 2)")
    run.add_argument(
        "--autoscale",
        action="store_true",
        help="instead: start workers when there is work for them, drain them when there is not",
    )

    test = commands.add_parser(
        "test",
        help="run the tests against servers of their own",
        description="Starts throw-away servers, finds or installs a browser, runs pytest.",
    )
    test.add_argument("pytest", nargs="*", metavar="ARGUMENT", help="whatever pytest understands")

    chaos = commands.add_parser(
        "chaos",
        help="break the running system and check every promise",
        description="Kills, freezes and cuts off parts of a whole system by a seed, while people "
        "talk through it; then checks rows, bills and what people saw. Exit status 1 if a promise "
        "was broken.",
    )
    chaos.add_argument("--faults", type=int, default=60, help="how many (default: 60)")
    chaos.add_argument("--seed", type=int, help="of the faults (default: the time)")
    chaos.add_argument(
        "--distribution",
        choices=["pull", "push", "hash"],
        default="pull",
        help="how hints reach workers (default: pull)",
    )

    check = commands.add_parser("check", help="everything that a commit must pass")
    check.add_argument("--all", action="store_true", help="with the slow tests")
    return parser


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells
        sys.exit(f"dev.py needs Python 3.11 or newer, not {sys.version.split()[0]}")
    arguments = parse(sys.argv[1:])
    os.chdir(ROOT)
    make_venv()
    install(NEEDED.get(arguments.command, LISTS[-1]))
    os.execv(PYTHON, [str(PYTHON), "-m", "devtools", *sys.argv[1:]])  # noqa: S606


def make_venv() -> None:
    """.venv, unless a whole one is there: pip is the last thing that goes in."""
    if PYTHON.exists() and (VENV / "bin" / "pip").exists():
        return
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        apt_install("python3-venv")
    say("making .venv")
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)


def apt_install(*packages: str) -> None:
    """Install Debian's packages as root; anybody else is told how."""
    command = f"apt-get install -y --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(f"{' and '.join(packages)} missing; install with:\n  sudo {command}")
    say(f"installing {' and '.join(packages)}")
    for step in ("apt-get -o DPkg::Lock::Timeout=300 update", command):
        result = subprocess.run(step.split(), capture_output=True, text=True, check=False)
        if result.returncode:
            sys.exit(f"{step} failed:\n{result.stdout}{result.stderr}")


def install(name: str) -> None:
    """The pinned packages of the list, unless they are there."""
    if all(stamp(file).exists() for file in LISTS[: LISTS.index(name) + 1]):
        return
    total = sum(line[0].isalnum() for line in (ROOT / name).read_text().splitlines())
    say(f"installing {total} packages")
    with subprocess.Popen(
        pip(name), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said = follow(process.stdout or [], total)
    if process.returncode:
        sys.exit("".join([*said, "\npip could not install the packages, see above"]))
    for file in LISTS[: LISTS.index(name) + 1]:
        note(file)


def note(name: str) -> None:
    """These pins are installed, and no earlier ones any more."""
    for before in VENV.glob(f"{name}.*"):
        before.unlink()
    stamp(name).touch()


def pip(name: str) -> list[str | Path]:
    """The list is complete, so nothing needs to be resolved."""
    options = ["--no-deps", "--progress-bar=off", "--disable-pip-version-check"]
    return [PYTHON, "-m", "pip", "install", *options, "-r", ROOT / name]


def stamp(name: str) -> Path:
    """The file that says that exactly these pins are installed."""
    digest = hashlib.sha256((ROOT / name).read_bytes()).hexdigest()[:16]
    return VENV / f"{name}.{digest}"


def follow(lines: Iterable[str], total: int) -> list[str]:
    """What pip says; to somebody who watches, how far it is."""
    said = []
    for line in lines:
        said.append(line)
        seen = sum(line.startswith("Collecting ") for line in said)
        if sys.stdout.isatty():
            print(f"\r{min(seen, total)} of {total}\r", end="", flush=True)
    return said


def say(step: str) -> None:
    print(step, flush=True)


if __name__ == "__main__":
    main()
