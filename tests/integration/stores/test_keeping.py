"""What the stores keep that say so (`Store.keeps`); what becomes of the others is in the tests of each."""

import uuid

import pytest
from django.conf import settings as site
from django.db import transaction

from conversations.errors import Fenced
from conversations.models import Turn
from conversations.stores import store as made
from conversations.stores.base import Fence, Keeps, Snapshot
from tests.integration.stores import elsewhere
from tests.integration.stores.messages import fence, said, texts


@pytest.fixture
def store(store_under_test):
    return store_under_test


@pytest.mark.needs(Keeps.FENCE)
def test_the_holder_of_a_claim_may_write(store, handle, turn):
    store.append(store.load(handle), [said(turn, "mine", step=1)], fence=fence(turn))
    assert texts(store.load(handle)) == ["mine"]


@pytest.mark.needs(Keeps.FENCE)
@pytest.mark.parametrize("change", [{"claim_token": uuid.uuid4()}, {"state": "completed"}])
def test_a_lost_claim_may_not_write(store, handle, turn, change):
    Turn.objects.filter(pk=turn.pk).update(**change)
    with pytest.raises(Fenced):
        store.append(store.load(handle), [said(turn, "ghost", step=1)], fence=fence(turn))
    assert store.load(handle) == Snapshot(handle, 0)


@pytest.mark.needs(Keeps.FENCE)
def test_a_zombie_with_a_stale_snapshot_learns_that_it_is_fenced(store, handle, turn):
    stale = store.load(handle)
    store.append(stale, [said(turn, "new", step=1)], fence=fence(turn))
    with pytest.raises(Fenced):
        store.append(stale, [said(turn, "old", step=2)], fence=Fence(turn.id, uuid.uuid4()))


@pytest.mark.needs(Keeps.COMMIT)
def test_what_is_rolled_back_was_never_there(store, handle, turn):
    with transaction.atomic():
        store.append(store.load(handle), [said(turn, "phantom", step=1)])
        store.load(handle)
        transaction.set_rollback(True)
    assert store.load(handle) == Snapshot(handle, 0)
    store.append(store.load(handle), [said(turn, "real", step=1)])
    assert texts(store.load(handle)) == ["real"]


@pytest.mark.needs(Keeps.COMMIT)
def test_a_retraction_that_is_rolled_back_hides_nothing(store, handle, turn):
    before = store.append(store.load(handle), [said(turn, "kept", step=1)])
    with transaction.atomic():
        store.retract(before, turn.id)
        transaction.set_rollback(True)
    assert texts(store.load(handle)) == ["kept"]


@pytest.mark.needs(Keeps.SHOWN)
def test_what_was_said_and_shown_is_told_by_turn(store, handle, turn, begin):
    first = store.append(store.load(handle), [said(turn, "a", step=1)])
    other = begin()
    store.append(first, [said(other, "é", step=1), said(other, "par", step=2, retracted=True)])
    told = store.told(handle, [other.id])
    assert list(told) == [other.id]
    assert [message.payload["parts"][0]["content"] for message in told[other.id]] == ["é", "par"]
    assert [message.retracted for message in told[other.id]] == [False, True]
    assert [list(map(list, message.trace)) for message in told[other.id]] == [[[3, 2, 0, 0]]] * 2
    assert [message.key.step for message in told[other.id]] == [1, 2]


@pytest.mark.needs(Keeps.SHOWN)
def test_a_turn_without_messages_is_left_out(store, handle, turn):
    assert turn.id not in store.told(handle, [turn.id])


@pytest.mark.needs(Keeps.WITHOUT_REDIS)
def test_losing_redis_loses_nothing(store, handle, turn, redis_client):
    store.append(store.load(handle), [said(turn, "kept", step=1)])
    redis_client.flushall()
    store.append(store.load(handle), [said(turn, "on", step=2)])
    assert texts(store.load(handle)) == ["kept", "on"]


def test_the_guarantees_page_says_what_each_store_keeps(settings):
    page = (site.BASE_DIR / "docs" / "guarantees.md").read_text(encoding="utf-8")
    settings.STORES = {**settings.STORES, **elsewhere.MADE}
    for name in settings.STORES:
        [row] = [line for line in page.splitlines() if line.startswith(f"| `{name}`")]
        stated = [cell.strip() for cell in row.strip("|").split("|")[1:]]
        kept = made(name).keeps
        assert stated == ["yes" if each in kept else "no" for each in Keeps], name
