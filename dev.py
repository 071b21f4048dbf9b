#!/usr/bin/env python3
"""Run, test and check the site. Needs Python 3.11 or newer and nothing else."""

from __future__ import annotations  # so that an old Python gets as far as being told

import argparse
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UNFINISHED = VENV / "unfinished"  # there while pip is at work; stays where pip did not end well
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
    add_sizes(run)

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


def add_sizes(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--port", type=number(0, 65_535), default=8000, help="of the site (default: 8000)"
    )
    run.add_argument("--replicas", type=number(1, 99), default=2, help="web processes (default: 2)")
    run.add_argument(
        "--workers", type=number(0, 99), default=2, help="worker processes (default: 2)"
    )
    run.add_argument(
        "--autoscale",
        action="store_true",
        help="instead: start workers when there is work for them, drain them when there is not",
    )


def number(lowest: int, highest: int) -> Callable[[str], int]:
    """Reads a number of the command line that is neither lower nor higher."""

    def read(word: str) -> int:
        if word.isdecimal() and lowest <= int(word) <= highest:
            return int(word)
        raise argparse.ArgumentTypeError(f"{word} is no number from {lowest} to {highest}")

    return read


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells
        sys.exit(f"dev.py needs Python 3.11 or newer, not {sys.version.split()[0]}")
    arguments = parse(sys.argv[1:])
    os.chdir(ROOT)
    hear_signals()
    try:
        with (ROOT / "dev.py").open() as file:
            wait_for_others(file)
            make_venv()
            install(NEEDED.get(arguments.command, LISTS[-1]))
    except KeyboardInterrupt:
        sys.exit("stopped before everything was installed; the next start does it")
    os.execv(PYTHON, [str(PYTHON), "-m", "devtools", *sys.argv[1:]])  # noqa: S606


def hear_signals() -> None:
    """Whatever asks this process to end is a KeyboardInterrupt."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as nohup does
            signal.signal(number, signal.default_int_handler)


def wait_for_others(file: TextIO) -> None:
    """Two that install into one .venv would spoil it; the lock ends with the file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another dev.py, which installs")
        fcntl.flock(file, fcntl.LOCK_EX)


def make_venv() -> None:
    """.venv, unless a whole one is there."""
    if is_whole():
        return
    if importlib.util.find_spec("ensurepip") is None:  # Debian keeps it in a package of its own
        apt_install("python3-venv")
    say("making .venv")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"{result.stdout}{result.stderr}\n{VENV} could not be made, see above")


def is_whole() -> bool:
    """Of .venv: pip is the last thing that goes in, and what it began it has ended.

    Of a package that was half unpacked pip itself may believe that it is there.
    """
    return PYTHON.exists() and (VENV / "bin" / "pip").exists() and not UNFINISHED.exists()


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
    UNFINISHED.touch()
    with subprocess.Popen(
        pip(name),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,  # the terminal's Ctrl-C reaches it once, through us
    ) as process:
        try:
            said = follow(process.stdout or [], total)
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)  # it takes its temporary files with it
            process.wait()
            raise
    if process.returncode:
        sys.exit("".join([*said, "\npip could not install the packages, see above"]))
    for file in LISTS[: LISTS.index(name) + 1]:
        note(file)
    UNFINISHED.unlink()


def note(name: str) -> None:
    """These pins are installed, and no earlier ones any more."""
    for before in VENV.glob(f"{name}.*"):
        before.unlink()
    stamp(name).touch()


def pip(name: str) -> list[str | Path]:
    """The list is complete, so nothing needs to be resolved.

    Most modules of the packages are never imported, and to compile them all takes as long as to
    unpack them. Who imports one keeps it compiled, unless Python was told to keep nothing.
    """
    options = ["--no-deps", "--progress-bar=off", "--disable-pip-version-check"]
    options += [] if sys.dont_write_bytecode else ["--no-compile"]
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
