"""A message that its place will never take fails its turn; only what passes is tried again."""

import pytest

from conversations import stores, turns
from conversations.errors import MessageTooLarge, StoreAway, TooLarge
from conversations.models import Conversation, Message, Turn
from conversations.turns import Outcome
from tests.integration.stores import elsewhere
from tests.integration.stores.messages import fence, said, texts

SIZES = {"dynamodb": 500_000, "mongodb": 17_000_000}  # bytes, above what each takes
ONLY_JUST = 406_000  # moto refuses it; it is below what is refused at the door


@pytest.fixture(params=SIZES)
def store(request, settings):
    settings.STORES = {**settings.STORES, **elsewhere.MADE}
    settings.AGENTS = {**settings.AGENTS}
    settings.AGENTS["demo"] = {**settings.AGENTS["demo"], "store": request.param}
    request.getfixturevalue(request.param)
    return stores.store(request.param)


@pytest.fixture
def large(store, request):
    return "x" * SIZES[request.node.callspec.params["store"]]


@pytest.fixture
def ask(conversation, worker_row):
    """Send a message and claim it."""

    def claim(text="hello"):
        items = [{"type": "message", "role": "user", "content": text}]
        asked = turns.accept(conversation.id, conversation.owner_id, items).turn
        return asked, turns.claim(conversation.id, worker_row.id, pool=asked.pool)

    return claim


def test_it_is_refused_and_nothing_has_changed(store, large, conversation, turn):
    before = store.load(conversation.id)
    with pytest.raises(MessageTooLarge):
        store.append(before, [said(turn, large, step=1)], fence=fence(turn))
    store.append(before, [said(turn, "short", step=2)], fence=fence(turn))
    assert texts(store.load(conversation.id)) == ["short"]


def test_what_comes_late_is_not_too_large(store, conversation, turn):
    store.append(store.load(conversation.id), [said(turn, "one", step=1)])
    with pytest.raises(StoreAway):
        store.put(conversation.id, 0, Message.objects.get().pk - 1, ["[]\nzombie"])


def test_its_turn_has_failed_and_the_next_goes_on(store, large, ask):
    asked, claim = ask()
    outcome = Outcome(state="completed", messages=[said(asked, large, step=1)])
    ended = turns.end(claim.turn_id, outcome, token=claim.token)
    assert (ended.state, ended.error["code"]) == ("failed", "too_large")
    asked, claim = ask()
    outcome = Outcome(state="completed", messages=[said(asked, "hi", step=1)])
    assert turns.end(claim.turn_id, outcome, token=claim.token).state == "completed"


def test_as_an_input_it_is_refused_at_the_door(store, large, ask):
    with pytest.raises(TooLarge):
        ask(large)
    assert not Turn.objects.exists()
    assert Conversation.objects.get().next_turn == 0


@pytest.mark.parametrize("store", ["dynamodb"], indirect=True)
def test_an_input_that_only_the_place_can_refuse_fails_its_turn(store, ask):
    _, claim = ask("x" * ONLY_JUST)
    ended = turns.end(claim.turn_id, claim.ending, token=claim.token)
    assert (ended.state, ended.error["code"]) == ("failed", "too_large")
    assert ask()[1].ending is None
