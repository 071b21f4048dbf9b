"""Servers for all runs of this folder."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from tests.chaos.__main__ import run
from tests.chaos.arena import Arena


@pytest.fixture(scope="package")
def runner():
    """One loop for all tests: the relays live on it."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="package")
def arena(runner):
    """Not in pytest's folder, which PostgreSQL's account cannot enter."""
    with tempfile.TemporaryDirectory(prefix="agentsite-chaos-") as folder:
        arena = Arena(Path(folder))
        runner.run(arena.__aenter__())
        yield arena
        runner.run(arena.__aexit__())


@pytest.fixture
def violations(runner, arena):
    """Runs so many faults on a site, perhaps with a bug; gives the promises that were broken."""

    async def found(faults: int, bug: str, options) -> list[str]:
        async with arena.site(bug):
            return await run(arena, faults, **options)

    return lambda faults, *, bug="", **options: runner.run(found(faults, bug, options))
