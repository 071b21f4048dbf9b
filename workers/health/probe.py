"""`manage.py workerprobe`: is a worker of this machine alive, is it ready.

An orchestrator asks every few seconds, of every worker, so this loads neither Django nor settings.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from workers.health import status
from workers.health.status import Status

HELP = "Says whether workers of this machine live or are ready: exit status 0 or 1, and one line."


def arguments(parser: ArgumentParser) -> None:
    """What may be asked."""
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--live", action="store_true", help="it gets on; else start it again")
    asked.add_argument("--ready", action="store_true", help="it lives and takes work")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--name", help="of the worker, or what its name begins with")
    which.add_argument("--pid", type=int, help="of the worker")


def main(words: Sequence[str]) -> int:
    """Answer on standard output; returns the exit status."""
    parser = ArgumentParser(prog="manage.py workerprobe", description=HELP)
    arguments(parser)
    # Django's own options, which every command has, mean nothing here
    line, is_well = answer(parser.parse_known_args(words)[0])
    sys.stdout.write(f"{line}\n")
    return 0 if is_well else 1


def answer(asked: Namespace) -> tuple[str, bool]:
    """One line about the workers that are meant, and whether all is well with them."""
    found = [worker for worker in status.everyone() if is_meant(worker, asked)]
    if not found:
        return f"no such worker says anything in {status.directory()}", False
    said = {worker.name: complaints(worker, ready=asked.ready) for worker in found}
    bad = {name: reasons for name, reasons in said.items() if reasons}
    if bad:
        return "; ".join(f"{name}: {', '.join(reasons)}" for name, reasons in bad.items()), False
    return f"{', '.join(said)}: {'ready' if asked.ready else 'live'}", True


def is_meant(worker: Status, asked: Namespace) -> bool:
    if asked.pid is not None:
        return bool(worker.pid == asked.pid)
    return worker.name.startswith(asked.name or "")


def complaints(worker: Status, *, ready: bool) -> list[str]:
    faults = worker.faults(status.now())
    return faults or (worker.wants() if ready else [])
