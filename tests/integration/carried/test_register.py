"""The register of newest versions: a state that was moved on from is refused."""

import asyncio
import time

import pytest

from conversations import errands
from conversations.errands import Errand
from conversations.threads import in_thread
from tests.integration.carried.conftest import WHO, text
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def register(settings):
    settings.SEALED_REGISTER = True


async def test_an_old_state_is_refused(say, settings, redis_client):
    first = (await say(WHO)).json()["state"]
    second = await say("two [[echo]]", first)
    refused = await say("other [[echo]]", first)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "version_conflict")
    assert refused.json()["error"]["param"] == "state"
    assert text(await say("two [[echo]]", first)) == "two"  # the same again: its reply was lost
    assert text(await say("three [[echo]]", second.json()["state"])) == "three"
    [key] = redis_client.scan_iter("*:register")
    assert 0 < redis_client.ttl(key) <= settings.SEALED_LIFETIME


async def test_of_two_messages_at_once_one_is_answered(say, provider):
    first = (await say(WHO)).json()["state"]
    asking = asyncio.create_task(say("[[hold after=1]]", first))
    await provider.wait_for_calls(2)
    refused = await say("other [[echo]]", first)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "response_in_progress")
    provider.release()
    assert (await asking).status_code == 200
    refused = await say("other [[echo]]", first)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "version_conflict")


@pytest.fixture
def lapsing(redis_client):
    """The place in the register of whoever is answered now may be taken from the next second on."""

    def lapse():
        [place] = redis_client.keys("*:register")
        redis_client.hset(place, "ends", 1)
        return lambda: int(redis_client.hget(place, "ends"))

    return lapse


async def test_a_slow_answer_keeps_its_place_in_the_register(say, provider, lapsing, monkeypatch):
    monkeypatch.setattr(errands, "BEAT", 0.05)
    first = (await say(WHO)).json()["state"]
    asking = asyncio.create_task(say("[[hold after=1]]", first))
    await provider.wait_for_calls(2)
    ends = lapsing()
    await in_thread(eventually, lambda: ends() > time.time())
    refused = await say("other [[echo]]", first)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "response_in_progress")
    provider.release()
    assert (await asking).status_code == 200


async def test_who_lost_its_place_in_the_register_gives_out_no_state(
    say, provider, lapsing, monkeypatch
):
    monkeypatch.setattr(Errand, "hold", lambda _: None)
    first = (await say(WHO)).json()["state"]
    asking = asyncio.create_task(say("[[hold after=1]]", first))
    await provider.wait_for_calls(2)
    lapsing()
    assert text(await say("other [[echo]]", first)) == "other"
    provider.release()
    late = await asking
    assert (late.status_code, late.json()["error"]["code"]) == (409, "version_conflict")


async def test_another_message_may_follow_a_failure(say):
    first = (await say(WHO)).json()["state"]
    assert (await say("[[status code=500]]", first)).status_code == 502
    assert text(await say("other [[echo]]", first)) == "other"
