"""How long Sentinels may take that hang."""

import pytest
from redis.retry import Retry

from conversations.stores.places import HUNG
from tests.patience import OF_A_SITE
from workers.redis import addresses, connections
from workers.redis.sentinels import asking


def patience(count: int) -> float:
    """Seconds for one of so many."""
    hosts = ",".join(f"sentinel{number}" for number in range(count))
    found = addresses.read(f"redis+sentinel://{hosts}/main/0")
    options = asking(found, Retry)
    assert options["socket_timeout"] == options["socket_connect_timeout"]
    return options["socket_timeout"]


@pytest.mark.parametrize("count", [1, 3, 5, 9])
def test_however_many_hang_the_last_is_asked_in_time(count):
    assert count * patience(count) < OF_A_SITE[connections, "TIMEOUT"]


def test_a_store_whose_only_sentinel_takes_its_time_has_hung():
    assert patience(1) > HUNG
