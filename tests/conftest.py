"""What every test may ask for."""

import os
from collections.abc import Iterator
from copy import deepcopy
from urllib.parse import urlsplit

import pytest
import redis
from django.conf import settings
from django.db import connection

NESTED = ("AGENTS", "CACHES", "CHANNEL_LAYERS", "POOLS", "PROVIDER_LIMITS", "RQ_QUEUES", "STORES")


def pytest_configure() -> None:
    """Passwords of test accounts need not withstand anybody, and most tests make accounts."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def settings_stay() -> Iterator[None]:
    """A test that writes into a setting would change every later test of its process."""
    before = deepcopy({name: getattr(settings, name) for name in NESTED})
    yield
    assert {name: getattr(settings, name) for name in NESTED} == before


@pytest.fixture(autouse=True)
def _marked_as_unhurried(_django_db_marker: None) -> None:
    unhurried()


@pytest.fixture
def db(db: None) -> None:
    """As pytest-django's."""
    unhurried()


def unhurried() -> None:
    """A test within one transaction may pause in it for longer than the site does."""
    if connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")


@pytest.fixture
def redis_client() -> Iterator[redis.Redis]:
    """The tests' own Redis, emptied."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.flushdb()
        yield client


@pytest.fixture
def site_environment(transactional_db, redis_client) -> dict[str, str]:
    """The environment for a process of the site that works on the tests' database."""
    return environment_of_the_site()


def environment_of_the_site() -> dict[str, str]:
    url = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    return dict(os.environ, DATABASE_URL=url._replace(path=f"/{name}").geturl())
