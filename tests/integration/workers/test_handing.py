"""Hints are handed to workers, and none is ever lost on the way there or back."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.integration.workers.test_shift import Books
from tests.waiting import GENEROUS, eventually
from workers import handing, pools, queues
from workers.handing import FEW, MOST_LYING, OFFERS, Offers, own_list
from workers.running.shift import UNREGISTERED, Shift
from workers.running.slots import Slots

TASK = "conversations.tasks.answer"


@dataclass
class Room:
    """What a worker says of its slots."""

    free_slots: int
    used: int = 0

    def free(self, queue: str) -> int:
        return self.free_slots


class Crowd:
    """Workers by name, that offer and do not fetch."""

    def __init__(self, queue) -> None:
        self.queue = queue
        self.redis = queue.connection

    def offer(self, name: str, free: int, *, used: int = 0) -> Offers:
        offers = Offers(name, {"default": self.queue.key}, self.redis)
        offers.make(Room(free, used))
        return offers

    def give(self, near: str = "") -> str:
        return queues.enqueue("default", TASK, "some-id", near=near)

    def lying(self, name: str) -> list[str]:
        return [job.decode() for job in self.redis.lrange(own_list("default", name), 0, -1)]

    def holder(self, job: str) -> str:
        """Who has been handed a job."""
        names = [name.decode() for name in self.redis.hkeys(OFFERS + "default")]
        return next((name for name in names if job in self.lying(name)), "")

    def taken(self, name: str) -> None:
        """The worker has fetched all that lay there."""
        self.redis.delete(own_list("default", name))


@pytest.fixture
def crowd(queue, monkeypatch) -> Crowd:
    """What they offer lasts, but where a test is about that."""
    monkeypatch.setattr(handing, "LIFETIME", 1000 * GENEROUS)
    return Crowd(queue)


@pytest.fixture
def push(settings):
    settings.DISTRIBUTION = "push"


@pytest.fixture
def hashing(settings):
    settings.DISTRIBUTION = "hash"


def test_a_hint_is_pushed_to_the_worker_with_the_most_free_slots(crowd, push):
    crowd.offer("a", 2)
    crowd.offer("b", 3)
    assert crowd.holder(crowd.give()) == "b"
    crowd.taken("b")
    assert [crowd.holder(crowd.give()) for _ in "12"] == ["a", "b"]  # b has two left, as a had


@pytest.mark.parametrize("way", ["push", "hash"])
def test_without_anybody_who_has_room_the_shared_queue_has_it(crowd, settings, way):
    settings.DISTRIBUTION = way
    jobs = [crowd.give()]
    crowd.offer("full", 0)
    crowd.offer("gone", 9).withdraw()
    jobs.append(crowd.give())
    assert crowd.queue.job_ids == jobs


def test_an_offer_counts_for_a_short_time_only(crowd, push):
    crowd.offer("a", 9)
    crowd.redis.hset(OFFERS + "default", "a", "9 0 1")  # as it is long afterwards
    assert crowd.holder(job := crowd.give()) == ""
    assert crowd.queue.job_ids == [job]


def test_whoever_has_not_taken_the_last_one_is_not_pushed_another(crowd, push):
    crowd.offer("frozen", 9)
    jobs = [crowd.give() for _ in range(3)]
    assert crowd.lying("frozen") == jobs[: MOST_LYING["push"]]
    assert crowd.queue.job_ids == jobs[1:]


def test_what_is_not_taken_goes_back_to_the_head_of_the_queue_in_its_order(crowd, hashing):
    crowd.offer("frozen", 9)
    lying = [crowd.give() for _ in range(3)]
    last = crowd.queue.enqueue_call(TASK).id
    other = crowd.offer("other", 0)
    eventually(lambda: other.make(Room(0)) or not crowd.lying("frozen"))
    assert crowd.queue.job_ids == [*lying, last]


def test_who_takes_what_comes_keeps_it(crowd, hashing):
    """Looked at as often as one likes: only what lies at the head twice goes back."""
    crowd.offer("a", 100)
    for _ in range(5):
        crowd.redis.delete("agentsite:lying:default")
        crowd.give()
        crowd.offer("b", 0)
        assert crowd.lying("a")
        crowd.taken("a")
    assert crowd.queue.job_ids == []


def test_who_leaves_gives_back_what_it_was_handed(crowd, hashing):
    offers = crowd.offer("a", 9)
    lying = [crowd.give() for _ in range(2)]
    offers.withdraw()
    assert crowd.queue.job_ids == lying
    assert crowd.holder(crowd.give()) == ""


@pytest.fixture
def shift():
    """Of a worker that is not registered yet."""
    made = Shift(Books(), pools.pool("default"), [])
    yield made
    made._loop.close()


def test_who_must_not_fetch_gives_back_what_it_was_handed_and_offers_nothing(crowd, hashing, shift):
    offers, slots = crowd.offer("a", 9), Slots(9, ["default"])
    lying = [crowd.give() for _ in range(2)]
    shift._offer(offers, slots)
    assert crowd.queue.job_ids == lying
    assert crowd.holder(crowd.give()) == ""
    shift._gate.open(UNREGISTERED)
    shift._offer(offers, slots)
    assert crowd.holder(crowd.give()) == "a"


def test_the_hints_of_a_dead_worker_go_back_though_nobody_saw_them_before(crowd, push):
    crowd.offer("dead", 9)
    job = crowd.give()
    crowd.redis.hset(OFFERS + "default", "dead", "8 1 1")
    eventually(lambda: crowd.offer("other", 0) and crowd.queue.job_ids)
    assert crowd.queue.job_ids == [job]
    assert crowd.redis.hkeys(OFFERS + "default") == [b"other"]


def homes(crowd: Crowd, names: str) -> dict[str, str]:
    """The worker of each of a hundred conversations."""
    for name in "abcd":
        crowd.redis.hdel(OFFERS + "default", name)
    found = {}
    for number in range(100):
        for name in names:
            crowd.offer(name, 1000)
        found[str(number)] = crowd.holder(crowd.give(near=str(number)))
        crowd.taken(found[str(number)])
    return found


def test_a_conversation_has_one_home_and_keeps_it_when_another_worker_leaves(crowd, hashing):
    before, after = homes(crowd, "abcd"), homes(crowd, "abc")
    assert Counter(before.values()).keys() == set("abcd")
    moved = {near for near in before if before[near] != after[near]}
    assert moved == {near for near, home in before.items() if home == "d"}


def test_a_home_that_is_much_busier_than_the_others_is_left_for_the_next(crowd, hashing):
    near = next(near for near, home in homes(crowd, "ab").items() if home == "a")
    crowd.offer("b", 100, used=1)
    crowd.offer("a", 100, used=FEW - 1)
    assert crowd.holder(crowd.give(near)) == "a"
    crowd.offer("a", 100, used=FEW)
    assert crowd.holder(crowd.give(near)) == "b"


def test_a_home_that_is_as_busy_as_all_are_stays_one(crowd, hashing):
    near = next(near for near, home in homes(crowd, "ab").items() if home == "a")
    crowd.offer("b", 100, used=90)
    crowd.offer("a", 100, used=100)
    assert crowd.holder(crowd.give(near)) == "a"


def test_nothing_is_lost_or_doubled_while_workers_come_and_go(crowd, settings):
    def give(number: int) -> str:
        return crowd.give(near=str(number))

    def come_and_go(name: str) -> None:
        for _ in range(20):
            crowd.offer(name, 3).make(Room(3))
            crowd.offer(name, 3).withdraw()

    settings.DISTRIBUTION = "hash"
    with ThreadPoolExecutor(4) as threads:
        for name in "abcd":
            threads.submit(come_and_go, name)
        jobs = list(threads.map(give, range(100)))
    for name in "abcd":
        crowd.offer(name, 0).withdraw()
    assert sorted(crowd.queue.job_ids) == sorted(jobs)


def test_to_hand_a_hint_is_no_further_round_trip(crowd, push, redis_client):
    crowd.offer("a", 100)
    crowd.give()  # connects
    redis_client.config_resetstat()
    crowd.give()
    calls = {name: told["calls"] for name, told in redis_client.info("commandstats").items()}
    assert calls["cmdstat_exec"] == 1
    assert calls["cmdstat_eval"] == 1
