"""Who may open a socket and keep it open; the others learn why by the close code."""

from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import transaction
from django.urls import reverse

from conversations import consumers
from conversations.models import Conversation
from conversations.sockets import standing
from conversations.threads import in_thread
from tests.integration.sockets.tabs import ORIGIN, Tab
from tests.waiting import GENEROUS

on_a_database = pytest.mark.django_db(transaction=True)

FOREIGN = [
    [],
    ["null"],
    ["https://127.0.0.1:8000"],
    ["http://127.0.0.1:8001"],
    ["http://127.0.0.1"],
    ["http://127.0.0.1:8000.evil.example"],
    ["http://evil.example"],
    ["http://[::1"],
    ["*"],
    [ORIGIN, ORIGIN],
    [ORIGIN, "http://evil.example"],
]


async def refused(**options):
    """The code that a tab is closed with before it reaches a consumer."""
    tab = await Tab(uuid4(), **options).connect()
    code = await tab.closed()
    await tab.leave()
    return code


@pytest.mark.parametrize("origins", FOREIGN, ids=str)
async def test_a_foreign_origin_is_closed_with_4403(origins):
    assert await refused(origins=origins) == 4403


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/conversations/1/", "/ws/other/"])
async def test_an_address_that_does_not_exist_is_closed_with_4404(path):
    assert await refused(path=path) == 4404


@on_a_database
@pytest.mark.parametrize("session", ["", "unknown", "x" * 40, "\N{SNOWMAN}"])
async def test_a_stranger_is_closed_with_4401(open_tab, session):
    assert await (await open_tab(session=session)).closed() == 4401


@on_a_database
async def test_an_unknown_conversation_is_closed_with_4404(session):
    assert await refused(session=session) == 4404


@on_a_database
async def test_the_conversation_of_somebody_else_is_closed_with_4404(session):
    other = await in_thread(get_user_model().objects.create_user, "eve", password="x")
    theirs = await in_thread(Conversation.objects.create, owner=other, agent="demo")
    assert await refused(session=session, path=f"/ws/conversations/{theirs.pk}/") == 4404


@on_a_database
async def test_a_log_out_closes_every_tab_of_the_session_at_once(open_tab, browser):
    tabs = [await open_tab(), await open_tab()]
    await tabs[0].subscribe()
    await tabs[1].pong()
    await in_thread(browser.post, reverse("logout"))
    assert [await tab.closed() for tab in tabs] == [4401, 4401]


@on_a_database
async def test_another_session_of_the_same_person_stays(open_tab, browser, owner, client):
    await in_thread(client.force_login, owner)
    elsewhere = await open_tab(session=client.cookies["sessionid"].value)
    await elsewhere.pong()
    await in_thread(browser.post, reverse("logout"))
    assert (await elsewhere.subscribe())["type"] == "agentsite:snapshot"


async def forget_session(owner):
    """Nobody else is told: not Redis, which may be away while somebody logs out."""
    await in_thread(Session.objects.all().delete)


async def deactivate(owner):
    await in_thread(type(owner).objects.update, is_active=False)


async def change_password(owner):
    owner.set_password("another long passphrase")
    await in_thread(owner.save)


ENDINGS = [forget_session, deactivate, change_password]


CREATE = {"type": "response.create", "idempotency_key": "k", "input": "hello"}
CANCEL = {"type": "response.cancel", "response_id": f"resp_{uuid4().hex}"}
ANSWER = {**CANCEL, "type": "response.answer", "call_id": f"call_{uuid4().hex}_1", "approved": True}


@on_a_database
@pytest.mark.parametrize(
    ("end", "write"),
    [*((end, CREATE) for end in ENDINGS), (deactivate, CANCEL), (deactivate, ANSWER)],
)
async def test_a_write_after_the_session_is_refused_and_closes(tab, owner, end, write):
    await end(owner)
    await tab.send(**write)
    assert await tab.closed() == 4401
    assert tab.types == ["agentsite:snapshot"]


@on_a_database
@pytest.mark.parametrize("end", ENDINGS)
async def test_a_silent_tab_is_closed_after_the_session(open_tab, owner, monkeypatch, end):
    monkeypatch.setattr(standing, "CHECK", 0.05)
    tab = await open_tab()
    await tab.subscribe()
    await end(owner)
    assert await tab.closed() == 4401


async def deactivate_in_the_admin(owner):
    owner.is_active = False
    await in_thread(owner.save)


async def delete(owner):
    await in_thread(owner.delete)


@on_a_database
@pytest.mark.parametrize("end", [deactivate_in_the_admin, change_password, delete])
async def test_an_account_that_is_saved_or_deleted_closes_its_tabs_at_once(
    tab, owner, monkeypatch, heard, end
):
    monkeypatch.setattr(standing, "CHECK", 3600)
    await heard()
    await end(owner)
    assert await tab.closed() == 4401


@on_a_database
def test_a_log_in_has_nothing_look_again(owner, client, said, redis_client):
    client.force_login(owner)
    redis_client.publish(said.channel, "the next")
    assert said() == b"the next"


@on_a_database
def test_a_change_is_told_once_others_can_see_it(owner, said, redis_client):
    with transaction.atomic():
        owner.save()
        redis_client.publish(said.channel, "not yet")
    assert said() == b"not yet"
    assert standing.CHANGED.encode() in said()


@pytest.fixture
def said(owner, redis_client):
    """What is said next of the owner's standing."""
    channel = f"{settings.CHANNEL_PREFIX}__group__{standing.group(owner.pk)}"
    with redis_client.pubsub() as told:
        told.subscribe(channel)
        assert told.get_message(timeout=GENEROUS)["type"] == "subscribe"

        def following():
            return told.get_message(timeout=GENEROUS)["data"]

        following.channel = channel
        yield following


@pytest.fixture
def pulses(monkeypatch):
    """What each tab does again and again, as often as it came."""
    came, pulse = [], consumers.ChatConsumer.pulse

    async def counted(consumer, message):
        came.append(message)
        await pulse(consumer, message)

    monkeypatch.setattr(consumers.ChatConsumer, "pulse", counted)
    return came


@on_a_database
async def test_a_subscription_does_not_put_off_the_next_look_at_the_session(
    open_tab, owner, monkeypatch, pulses
):
    """The pulse that was set on connecting came just too early, and the next one much later."""
    monkeypatch.setattr(standing, "CHECK", 1)
    tab = await open_tab()
    await tab.pong()
    await tab.subscribe()
    await deactivate(owner)
    pulses.clear()
    assert await tab.closed() == 4401
    assert len(pulses) <= 1  # none where it came amid the deactivation


@on_a_database
async def test_a_deletion_closes_the_tabs_of_other_browsers_at_once(tab, browser, conversation):
    await in_thread(browser.post, reverse("delete", args=[conversation.pk]))
    assert await tab.closed() == 4404


@on_a_database
async def test_a_deletion_that_nobody_announced_closes_the_tabs_too(
    open_tab, conversation, monkeypatch
):
    monkeypatch.setattr(standing, "CHECK", 0.05)
    tab = await open_tab()
    await tab.subscribe()
    await in_thread(conversation.delete)
    assert await tab.closed() == 4404


@on_a_database
async def test_the_look_at_a_session_does_not_change_it(tab, session, settings):
    """A rotated key made Django's own look give the session a new key, that no cookie told."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [settings.SECRET_KEY]
    await tab.subscribe()
    assert await in_thread(Session.objects.filter(pk=session).exists)
