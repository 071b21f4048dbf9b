"""Servers for all runs of this folder."""

import asyncio
import tempfile
from pathlib import Path

import pytest

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
