"""What every test may ask for."""

import gc
import os
from collections.abc import Iterator
from copy import deepcopy
from urllib.parse import urlsplit

import hypothesis
import pytest
import redis
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase

from tests import emptying, patience

PATIENT = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=60s"
NESTED = ("AGENTS", "CACHES", "CHANNEL_LAYERS", "POOLS", "PROVIDER_LIMITS", "RQ_QUEUES", "STORES")


def pytest_configure() -> None:
    """What tests in this process need not withstand, or have to."""
    # most tests make accounts, and nobody wants their passwords
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # a machine that stalls is no fault of the test whose transaction was open
    settings.DATABASES["default"]["OPTIONS"]["options"] = PATIENT
    patience.outlast_stalls()
    TransactionTestCase._fixture_teardown = emptying.empty
    # nor of an example that was under way
    slow = [hypothesis.HealthCheck.too_slow]
    hypothesis.settings.register_profile("patient", deadline=None, suppress_health_check=slow)
    hypothesis.settings.load_profile("patient")


def pytest_collection_finish() -> None:
    """Everything that was imported stays: no collection needs to look through it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def settings_stay() -> Iterator[None]:
    """A test that writes into a setting would change every later test of its process."""
    before = deepcopy({name: getattr(settings, name) for name in NESTED})
    yield
    assert {name: getattr(settings, name) for name in NESTED} == before


@pytest.fixture
def redis_client() -> Iterator[redis.Redis]:
    """The tests' own Redis, emptied."""
    with redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=patience.STALL) as client:
        client.flushdb()
        yield client


@pytest.fixture
def site_timeouts(settings, monkeypatch) -> None:
    """A Redis that hangs is given up as a site gives it up."""
    for place, seconds in patience.OF_A_SITE.items():
        monkeypatch.setattr(*place, seconds)
    default = settings.CACHES["default"]
    options = default["OPTIONS"] | patience.CACHE_OF_A_SITE
    settings.CACHES = {"default": default | {"OPTIONS": options}}


@pytest.fixture
def site_environment(transactional_db, redis_client) -> dict[str, str]:
    """The environment for a process of the site that works on the tests' database."""
    return environment_of_the_site()


def environment_of_the_site() -> dict[str, str]:
    url = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    return dict(os.environ, DATABASE_URL=url._replace(path=f"/{name}").geturl())
