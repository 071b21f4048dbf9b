"""A pytest plugin for a run in several processes: what one of them runs, and what comes first.

Whole files each, for their tests share servers. The tests of a few folders share a whole site:
such a folder is run by one process, and comes first, for it takes minutes and nobody shall idle
at the end.
"""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

SITES = ("tests/chaos/", "tests/system/", "tests/browser/")


class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # untyped
    """Gives a place at a time to whoever has nothing left to do."""

    def _split_scope(self, nodeid: str) -> str:
        return place(nodeid)


def place(nodeid: str) -> str:
    """The folder of a test that shares a site, the file of any other."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in SITES if file.startswith(folder)), file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sites first, in the order of the tree like all others."""
    items.sort(key=lambda item: place(item.nodeid) not in SITES)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)
