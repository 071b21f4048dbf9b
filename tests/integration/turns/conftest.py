"""Turns are tested on the store of record; what the others add has tests of its own."""

import pytest


@pytest.fixture(autouse=True)
def _database_store(settings):
    settings.STORE_DEFAULT = "database"
