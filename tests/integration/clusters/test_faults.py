"""A Redis Cluster that lacks a master, or is away, is to its keys as one server that is away."""

import uuid
from contextlib import suppress
from threading import Event

import pytest
import redis
from django.core.cache import cache
from redis.cluster import NodesManager

from conversations import quotas
from conversations.errors import StoreAway
from conversations.stores import hot, store
from devtools.ports import free_port
from tests.waiting import GENEROUS, eventually
from workers import ratelimit, results
from workers.fleet import peers
from workers.ratelimit import Admissions, Caller
from workers.ratelimit.script import keys as keys_of_limit
from workers.ratelimit.terms import Terms
from workers.redis import connections, libraries


def key(handle):
    return f"agentsite:{{{handle.hex}}}:hot"


@pytest.fixture
def handle():
    return uuid.uuid4()


@pytest.fixture
def another(cluster, handle):
    """A conversation of another master."""
    while cluster.owner(key(found := uuid.uuid4())) is cluster.owner(key(handle)):
        pass
    return found


@pytest.fixture
def broken(cluster):
    """The Cluster, whose masters a test may stop."""
    yield cluster
    cluster.mend()


@pytest.fixture
def away(settings):
    """Both roles are on a Cluster that nobody can reach."""
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{free_port()}"
    settings.REDIS_CACHE_URL = settings.REDIS_STORE_URL = url
    told = libraries.for_cache(url, settings.CACHE_OPTIONS)
    settings.CACHES = {"default": settings.CACHES["default"] | told}


async def computed():
    return {"good": True}


async def once(name):
    return await results.once(
        name, computed, seconds=60, patience=GENEROUS, is_kept=lambda found: found["good"]
    )


def test_only_the_keys_of_a_lost_master_are_away(broken, handle, another, monkeypatch):
    place = store("redis")
    for one in (handle, another):
        assert hot.append(one, 0, ["one"]) == "appended"
        place.put(one, 0, 1, ["one"])
    broken.owner(key(handle)).stop()
    assert hot.read(handle, 1) is None
    with pytest.raises(StoreAway):
        place.get(handle, 0, 1)
    monkeypatch.setattr(hot, "_rests_until", 0.0)  # as time would
    assert hot.read(another, 1).messages == ("one",)
    assert place.get(another, 0, 1) == {0: "one"}
    with pytest.raises(redis.ConnectionError):
        connections.ping(broken.url)
    broken.mend()
    connections.ping(broken.url)
    assert place.get(handle, 0, 1) == {}  # it kept nothing on disk


async def test_a_limit_and_a_result_whose_masters_are_lost_are_a_process_own(broken, settings):
    settings.PROVIDER_LIMITS = {"test/*": {"requests_per_minute": 600}}
    budget, caller = ratelimit.admissions_to("test/model"), Caller("ada")
    budget.settle(await budget.admit(0, caller=caller, patience=GENEROUS))
    assert await once("name") == {"good": True}
    for one in (*keys_of_limit("test/model"), *results.keys("name")):
        broken.owner(one).stop()
    await budget.admit(0, caller=caller, patience=GENEROUS)
    assert not budget._books.is_shared
    assert await once("name") == {"good": True}


@pytest.mark.usefixtures("away")
async def test_a_cluster_that_is_away_fails_nothing_that_can_do_without():
    budget = Admissions("test/away", Terms(requests_per_minute=600))
    await budget.admit(0, caller=Caller("ada"), patience=GENEROUS)
    assert await once("name") == {"good": True}


@pytest.mark.usefixtures("away")
def test_threads_are_told_of_a_cluster_that_is_away_as_of_a_server(handle, settings):
    settings.PROVIDER_LIMITS = {"test/*": {}}
    assert hot.append(handle, 0, ["one"]) is None
    assert quotas.take("key", 2) is None
    assert peers.replicas() == []
    peers.announce_replica()
    assert cache.get("key") is None
    with pytest.raises(StoreAway):
        store("redis").get(handle, 0, 1)
    with pytest.raises(redis.ConnectionError):
        ratelimit.state()
    with pytest.raises(redis.ConnectionError):
        connections.ping(connections.settings.REDIS_CACHE_URL)


def again(handle):
    """What the store has, as soon as it is reached."""
    with suppress(StoreAway):
        return store("redis").get(handle, 0, 1)
    return None


@pytest.fixture
def look(site_timeouts, monkeypatch):
    """The nodes tell where the keys are when the test says so: gives who asks, and what answers."""
    asking, told, begun = NodesManager.initialize, Event(), []

    def initialize(nodes, *args, **options):
        begun.append(nodes)
        assert told.wait(GENEROUS)
        asking(nodes, *args, **options)

    monkeypatch.setattr(NodesManager, "initialize", initialize)
    yield begun, told
    told.set()


def test_who_has_lost_a_node_waits_for_none_that_hangs(broken, handle, look):
    """He may hold a transaction; the nodes are asked by one for all."""
    begun, told = look
    told.set()
    place = store("redis")
    place.put(handle, 0, 1, ["one"])
    told.clear()
    before = len(begun)
    broken.owner(key(handle)).stop()
    for write in (2, 3):
        with pytest.raises(StoreAway):
            place.put(handle, 1, write, ["two"])
    assert (len(begun), told.is_set()) == (before + 1, False)
    broken.mend()
    told.set()
    assert eventually(lambda: again(handle) == {})


def test_nobody_waits_for_the_first_connection_beyond_his_time(cluster, handle, look):
    begun, told = look
    place = store("redis")
    connections._patient.cache_clear()
    connections._plain.cache_clear()
    with pytest.raises(StoreAway):
        place.get(handle, 0, 1)
    assert begun
    told.set()
    assert eventually(lambda: again(handle) == {})


def test_a_cluster_that_goes_away_as_a_whole_comes_back(broken, handle, monkeypatch):
    assert hot.append(handle, 0, ["one"]) == "appended"
    cache.set("key", "value")
    for master in broken.masters:
        master.stop()
    assert hot.read(handle, 1) is None
    assert cache.get("key") is None
    peers.announce_replica()
    broken.mend()
    monkeypatch.setattr(hot, "_rests_until", 0.0)  # as time would
    assert hot.append(handle, 0, ["one"]) == "appended"
