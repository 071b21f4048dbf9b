"""What roles `cache` and `store` ask of Redis is understood by a Cluster, wherever its slots are."""

import asyncio
import uuid

import pytest
from django.core.cache import cache

from conversations import quotas
from conversations.errors import VersionConflict
from conversations.stores import hot, register, store
from tests.waiting import GENEROUS
from workers import ratelimit
from workers.fleet import peers
from workers.ratelimit import Caller, Outcome
from workers.redis import connections
from workers.redis.cancelling import Cancellable

HANDLE = uuid.uuid4()


def use_hot_copies():
    assert hot.append(HANDLE, 0, ["one"]) == "appended"
    assert hot.read(HANDLE, 1).messages == ("one",)
    hot.extend(HANDLE)
    hot.forget(HANDLE)
    assert hot.fill(HANDLE, hot.Copy(3, 0, ("one", "two"))) == "filled"


def use_quotas():
    assert quotas.take("key", 2).remaining == 1


def use_transcripts():
    place = store("redis")
    place.put(HANDLE, 0, 1, ["one", "two"])
    assert place.get(HANDLE, 0, 2) == {0: "one", 1: "two"}
    place.extend(HANDLE)
    place.drop(HANDLE)
    assert place.get(HANDLE, 0, 2) == {}


def use_register():
    register.take(HANDLE, 1, "request", seconds=10)
    register.move(HANDLE, 1, "request", to=2)
    with pytest.raises(VersionConflict):
        register.take(HANDLE, 1, "other", seconds=10)


def use_peers():
    peers.announce_replica()
    assert len(peers.replicas()) == 1


def use_django():
    """Its cache, whose keys are on several nodes."""
    pairs = {f"key {number}": number for number in range(20)}
    cache.set_many(pairs)
    assert cache.get_many(pairs) == pairs
    assert cache.incr("key 1") == 2
    cache.delete_many(["key 1", "key 2"])
    assert (cache.get("key 1"), cache.get("key 3")) == (None, 3)
    cache.clear()
    assert cache.get("key 3") is None


def use_probes():
    connections.ping(connections.settings.REDIS_CACHE_URL)


@pytest.mark.parametrize(
    "use",
    [
        use_hot_copies,
        use_quotas,
        use_transcripts,
        use_register,
        use_peers,
        use_django,
        use_probes,
    ],
)
def test_every_use_from_threads_is_understood(use):
    """A script whose keys were on several nodes would be refused, by its client and by the server."""
    use()


async def test_workers_share_a_limit_that_is_on_a_cluster(settings):
    settings.PROVIDER_LIMITS = {"test/*": {"requests_per_minute": 60, "burst": 2}}
    budget = ratelimit.admissions_to("test/model")
    budget.settle(
        await budget.admit(10, caller=Caller("ada"), patience=GENEROUS),
        tokens=5,
        outcome=Outcome.OK,
    )
    await budget._talk
    assert budget._books.is_shared
    [seen] = await asyncio.to_thread(ratelimit.state)
    assert (seen.name, round(seen.requests_used), seen.processes) == ("test/model", 1, 1)


async def test_more_commands_at_once_than_there_are_places_wait_for_one():
    client = connections.shared()
    await asyncio.gather(*(client.set(f"{number}", number) for number in range(300)))
    found = await asyncio.gather(*(client.get(f"{number}") for number in range(300)))
    assert [int(one) for one in found] == [*range(300)]


async def test_a_loops_connections_can_be_cancelled():
    client = connections.shared()
    await client.set("key", "value")
    nodes = [*client.startup_nodes, *client.get_nodes()]
    used = [one for node in nodes for one in node._connections]
    assert len(used) > 1
    assert all(isinstance(one, Cancellable) for one in used)


async def test_a_slot_that_moves_is_followed(cluster):
    """On its way (ASK), and where it is then (MOVED)."""
    client, key = connections.shared(), f"{uuid.uuid4()}"
    await client.set(key, "value")
    in_thread = connections.transcripts().get
    assert await asyncio.to_thread(in_thread, key) == b"value"
    with cluster.moving(key):
        assert await client.get(key) == await asyncio.to_thread(in_thread, key) == b"value"
    assert await client.get(key) == await asyncio.to_thread(in_thread, key) == b"value"
    assert client.get_node_from_key(key).port != cluster.owner(key).port
