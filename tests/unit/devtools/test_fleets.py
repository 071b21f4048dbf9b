import os
from pathlib import Path

import pytest
from django.conf import settings

from devtools.local import Folder
from devtools.ports import free_port
from devtools.programs import FLEETS, Programs
from workers.health import vitals


def pools(count: int, **environment: str) -> list[str]:
    programs = Programs(Folder(Path("/nowhere")), environment)
    commands = programs.workers(count)
    assert [command.name for command in commands] == [
        f"worker-{number}" for number in range(1, len(commands) + 1)
    ]
    return [command.argv[-1] for command in commands]


def test_workers_and_replicas_are_asked_whether_they_live(monkeypatch, tmp_path):
    monkeypatch.setenv("WORKER_STATUS_DIR", str(tmp_path))
    programs = Programs(Folder(Path("/nowhere")), {})
    assert programs.worker(1).probe is vitals.worker
    assert programs.replica(1, free_port()).probe(os.getpid()) is False


def test_a_uniform_fleet_is_so_many_workers():
    assert pools(2) == pools(2, FLEET="uniform") == ["default"] * 2


def test_a_specialised_fleet_is_so_many_workers_of_each_pool():
    assert pools(2, FLEET="specialised") == [
        pool for pool in ("interactive", "default", "batch") for _ in range(2)
    ]


@pytest.mark.parametrize("fleet", settings.FLEETS)
def test_the_stack_knows_every_pool_of_the_settings_that_does_not_fork(fleet):
    told = settings.FLEETS[fleet].items()
    assert FLEETS[fleet] == [name for name, pool in told if not pool.get("forking")]
