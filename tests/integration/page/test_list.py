"""The list of conversations and the posts behind it: owners only, typed errors."""

from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conversations import catalog, turns
from conversations.models import Conversation, Message, Turn
from conversations.protocol import user_message
from conversations.views import PAGE

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def stranger(transactional_db) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_user("eve"))
    return client


def test_the_first_message_names_the_new_conversation(ada, owner):
    text = "Which bridges   are\nlonger than all others, and who built them in the first place?"
    answer = ada.post(reverse("begin"), {"text": text})
    assert answer.status_code == 201
    made = Conversation.objects.get(pk=answer.json()["id"])
    assert (made.owner, made.agent, made.version) == (owner, "demo", 0)
    assert made.title == "Which bridges are longer than all others, and who built…"
    assert answer.json()["url"] == reverse("conversation", args=[made.id])


@pytest.mark.parametrize("text", ["AI " + "橋" * 100, "See https://example.org/" + "long" * 20])
def test_what_has_few_blanks_is_cut_within_a_word(ada, text):
    made = ada.post(reverse("begin"), {"text": text}).json()["id"]
    assert Conversation.objects.get(pk=made).title == f"{text[:60]}…"


def test_an_unknown_agent_is_refused(ada):
    answer = ada.post(reverse("begin"), {"text": "Hi", "agent": "nobody"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "agent")


def test_every_agent_is_offered_the_default_first(ada, settings):
    assert "Talk to" not in ada.get(reverse("chat")).content.decode()
    settings.AGENTS = {"assistant": {}, **settings.AGENTS}
    page = ada.get(reverse("chat")).content.decode()
    assert page.index('value="demo" checked') < page.index('value="assistant"')


def test_a_conversation_begins_with_a_policy_and_its_owner_may_change_it(ada):
    made = ada.post(reverse("begin"), {"text": "Hi", "policy": "reject"}).json()["id"]
    assert Conversation.objects.get(pk=made).policy == "reject"
    assert ada.post(reverse("policy", args=[made]), {"policy": "rollback"}).status_code == 204
    assert Conversation.objects.get(pk=made).policy == "rollback"


def test_an_unknown_policy_is_refused(ada, conversation):
    answer = ada.post(reverse("policy", args=[conversation.id]), {"policy": "shout"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "policy")


def test_a_stranger_cannot_change_a_policy(stranger, conversation):
    answer = stranger.post(reverse("policy", args=[conversation.id]), {"policy": "reject"})
    assert answer.status_code == 404


def test_a_conversation_is_renamed(ada, conversation):
    answer = ada.post(reverse("rename", args=[conversation.id]), {"title": "  Long   bridges "})
    conversation.refresh_from_db()
    assert (answer.status_code, conversation.title) == (204, "Long bridges")


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
def test_a_title_without_words_or_end_is_refused(ada, conversation, title):
    answer = ada.post(reverse("rename", args=[conversation.id]), {"title": title})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_value")


def test_a_deleted_conversation_leaves_nothing_behind(ada, owner, conversation, worker_row):
    turns.accept(conversation.id, owner.id, [user_message("Hi")])
    turns.claim(conversation.id, worker_row.id, pool="default")
    assert Message.objects.exists()
    assert ada.post(reverse("delete", args=[conversation.id])).status_code == 204
    assert not any(model.objects.exists() for model in (Conversation, Turn, Message))


@pytest.mark.parametrize("deed", ["rename", "delete"])
def test_strangers_change_nothing(stranger, conversation, deed):
    answer = stranger.post(reverse(deed, args=[conversation.id]), {"title": "Mine"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    conversation.refresh_from_db()
    assert conversation.title == ""


def test_strangers_do_not_see_the_page(stranger, conversation):
    answer = stranger.get(reverse("conversation", args=[conversation.id]))
    assert answer.status_code == 404
    assert "Nothing is here" in answer.content.decode()


@pytest.mark.parametrize("deed", ["rename", "delete"])
def test_without_a_session_the_scripts_get_401(client, conversation, deed):
    assert client.post(reverse(deed, args=[conversation.id])).status_code == 401


@pytest.mark.parametrize("deed", ["rename", "delete"])
def test_a_form_from_elsewhere_is_refused(owner, conversation, deed):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    answer = client.post(reverse(deed, args=[conversation.id]), {"title": "Mine"})
    assert answer.status_code == 403
    assert "Please try again" in answer.content.decode()


def test_the_list_shows_only_ones_own_newest_first(ada, owner, stranger):
    first = catalog.begin(owner.id, agent="demo", first_message="First <b>")
    second = catalog.begin(owner.id, agent="demo", first_message="Second")
    stranger.post(reverse("begin"), {"text": "Hidden"})
    answer = ada.get(reverse("conversations"))
    assert list(answer.context["conversations"]) == [second, first]
    assert "First &lt;b&gt;" in answer.content.decode()
    assert "Hidden" not in answer.content.decode()


def test_older_conversations_follow_page_by_page(ada, owner):
    now = timezone.now()
    rows = Conversation.objects.bulk_create(
        Conversation(owner=owner, agent="demo", title=f"{n}") for n in range(PAGE + 2)
    )
    for age, row in enumerate(rows):
        Conversation.objects.filter(pk=row.pk).update(updated=now - timedelta(minutes=age))
    first = ada.get(reverse("conversations"))
    assert [row.title for row in first.context["conversations"]] == [str(n) for n in range(PAGE)]
    older = first.content.decode().partition('data-verb="older" data-url="')[2].partition('"')[0]
    assert parse_qs(urlsplit(older).query)["before"]
    titles = [row.title for row in ada.get(older).context["conversations"]]
    assert titles == [str(PAGE), str(PAGE + 1)]


def test_a_conversation_is_found_by_words_of_its_title(ada, owner, stranger):
    for title in ("Long bridges of Norway", "A bridge too far", "100% Norway"):
        catalog.begin(owner.id, agent="demo", first_message=title)
    stranger.post(reverse("begin"), {"text": "Bridges of Norway"})

    def found(words: str) -> list[str]:
        rows = ada.get(reverse("conversations"), {"find": words}).context["conversations"]
        return [row.title for row in rows]

    assert found("norway BRIDGE") == ["Long bridges of Norway"]
    assert found("bridge") == ["A bridge too far", "Long bridges of Norway"]
    assert found("0%") == ["100% Norway"]
    assert found("\0 ") == found("") != []
    answer = ada.get(reverse("conversations"), {"find": "Sweden"})
    assert "No title has these words" in answer.content.decode()


def test_what_is_found_has_pages_too(ada, owner):
    Conversation.objects.bulk_create(
        Conversation(owner=owner, agent="demo", title=f"{word} {n}")
        for n in range(PAGE + 1)
        for word in ("oak", "elm")
    )
    first = ada.get(reverse("conversations"), {"find": "oak"}).content.decode()
    older = first.partition('data-verb="older" data-url="')[2].partition('"')[0]
    asked = parse_qs(urlsplit(unescape(older)).query)
    assert asked["find"] == ["oak"]
    assert asked["before"]


def test_an_unreadable_page_mark_shows_the_newest(ada, conversation):
    for mark in ("yesterday", "2026-13-45T00:00", "2026-01-01T00:00"):
        answer = ada.get(reverse("conversations"), {"before": mark})
        assert answer.status_code == 200


def test_a_page_costs_few_queries(ada, owner, django_assert_max_num_queries):
    for number in range(20):
        catalog.begin(owner.id, agent="demo", first_message=str(number))
    ada.get(reverse("chat"))
    with django_assert_max_num_queries(3):
        ada.get(reverse("chat"))
