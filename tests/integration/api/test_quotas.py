"""A key's bucket is one for all replicas, and fills evenly."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from uuid import uuid4

import pytest

from conversations import quotas

pytestmark = pytest.mark.usefixtures("redis_client")


def test_many_at_once_get_no_more_than_there_is():
    key, begun = uuid4().hex, monotonic()
    with ThreadPoolExecutor(8) as replicas:
        taken = list(replicas.map(lambda _: quotas.take(key, 20), range(60)))
    filled = (monotonic() - begun) / 3  # at one in three seconds
    assert 20 <= sum(quota.admitted for quota in taken) <= 21 + filled


def test_the_bucket_tells_when_it_is_full_again():
    key = uuid4().hex
    first, second = quotas.take(key, 2), quotas.take(key, 2)
    assert (first.remaining, second.remaining) == (1, 0)
    assert 29 < first.reset <= 30 < second.reset <= 60


def test_an_empty_bucket_tells_when_the_next_token_comes(redis_client):
    key, begun = uuid4().hex, monotonic()
    for _ in range(2):
        quotas.take(key, 2)
    refused = quotas.take(key, 2)
    assert not refused.admitted
    assert 29 - (monotonic() - begun) < refused.wait <= 30
    assert 0 < redis_client.pttl(f"agentsite:{{{key}}}:requests") <= 60_001


def test_a_key_without_a_limit_is_not_counted(redis_client):
    assert quotas.take(uuid4().hex, 0) is None
    assert not redis_client.keys("*:requests")
