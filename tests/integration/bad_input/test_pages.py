"""Whatever is posted to the page's addresses is answered by a typed error, never by a fault."""

from uuid import uuid4

import pytest
from django.urls import reverse

from conversations.models import Conversation, Turn

pytestmark = pytest.mark.django_db

NOBODYS = str(uuid4())
LONG = "x" * 100_000
TEXTS = ["\0", "a\0b", "\u202e", LONG, "🌧" * 300, "<script>", "' OR 1=1 --", "%00", "{}"]

BEGUN = [
    ({"agent": "nobody"}, "agent"),
    ({"agent": "\0"}, "agent"),
    ({"agent": LONG}, "agent"),
    ({"policy": "later"}, "policy"),
    ({"policy": "\0"}, "policy"),
    ({"text": "a\0b"}, "text"),
]
RENAMED = ["", " \n", "\0", "a\0b", "x" * 201, LONG]


def error_of(response):
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize(("form", "param"), BEGUN, ids=lambda value: str(value)[:40])
def test_a_beginning_with_bad_fields_is_refused_by_their_name(browser, form, param):
    response = browser.post(reverse("begin"), form)
    assert error_of(response) == (400, "invalid_value")
    assert response.json()["error"]["param"] == param
    assert not Conversation.objects.exists()


@pytest.mark.parametrize("title", RENAMED, ids=lambda title: repr(title)[:20])
def test_a_title_that_cannot_be_one_is_refused(browser, conversation, title):
    response = browser.post(reverse("rename", args=[conversation.pk]), {"title": title})
    assert error_of(response) == (400, "invalid_value")
    assert Conversation.objects.get().title == conversation.title


@pytest.mark.parametrize("name", ["begin", "rename", "policy", "fork", "delete", "list", "login"])
def test_no_text_anywhere_is_a_fault_of_the_site(browser, conversation, name):
    """As a name of a field too: whatever a form says, it is data."""
    args = [conversation.pk] if name in {"rename", "policy", "fork", "delete"} else []
    method, address = ("get", "conversations") if name == "list" else ("post", name)
    for text in TEXTS:
        fields = ["agent", "text", "policy", "title", "response", "before", "username", text]
        form = dict.fromkeys(fields, text)
        assert browser.try_to(method, reverse(address, args=args), form).status_code < 500, text


BEFORE = ["", "x", "\0", "9" * 5000, "2026-13-45T99:99", "2026-01-01", "0001-01-01T00:00:00+14:00",
          "9999-12-31T23:59:59-14:00", "٢٠٢٦-01-01T00:00:00Z"]  # fmt: skip


def test_a_place_in_the_list_that_is_none_shows_the_list(browser, conversation):
    for before in BEFORE:
        assert browser.get(reverse("conversations"), {"before": before}).status_code == 200


ASSIGNED = {"id": NOBODYS, "owner": "1", "owner_id": "1", "version": "99", "next_turn": "7",
            "open_turns": "100", "is_staff": "on", "role": "admin", "state": "completed"}  # fmt: skip


def test_fields_that_are_not_asked_for_change_nothing(browser, owner, theirs):
    """Mass assignment."""
    form = {**ASSIGNED, "owner": theirs.owner_id, "owner_id": theirs.owner_id}
    made = Conversation.objects.get(pk=browser.post(reverse("begin"), form).json()["id"])
    browser.post(reverse("rename", args=[made.pk]), {**form, "title": "renamed"})
    made.refresh_from_db()
    assert (made.owner_id, made.version, made.next_turn, made.open_turns) == (owner.pk, 0, 0, 0)
    owner.refresh_from_db()
    assert not owner.is_staff


def test_a_sign_up_makes_nobody_staff(client, db, django_user_model):
    password = "a very long passphrase"
    form = {"username": "mallory", "password1": password, "password2": password}
    client.post(reverse("signup"), {**form, "is_staff": "on", "is_superuser": "on", "id": "1"})
    mallory = django_user_model.objects.get(username="mallory")
    assert (mallory.is_staff, mallory.is_superuser) == (False, False)


@pytest.mark.parametrize("name", ["rename", "policy", "fork", "delete"])
@pytest.mark.parametrize("whose", ["theirs", "nobodys"])
def test_what_is_not_ones_own_does_not_exist(browser, theirs, name, whose):
    turn = Turn.objects.get(conversation=theirs)
    form = {"title": "mine now", "policy": "reject", "response": f"resp_{turn.pk.hex}"}
    target = theirs.pk if whose == "theirs" else NOBODYS
    assert error_of(browser.post(reverse(name, args=[target]), form)) == (404, "not_found")
    assert Conversation.objects.get().title == "Eve's own"


def test_a_response_of_somebody_else_cannot_be_forked_into_ones_own(browser, conversation, theirs):
    turn = Turn.objects.get(conversation=theirs)
    form = {"response": f"resp_{turn.pk.hex}"}
    answer = browser.post(reverse("fork", args=[conversation.pk]), form)
    assert error_of(answer) == (404, "not_found")


def test_the_page_of_somebody_elses_conversation_is_not_found(browser, theirs):
    assert browser.get(reverse("conversation", args=[theirs.pk])).status_code == 404
    assert b"own" not in browser.get(reverse("conversations")).content


METHODS = ["get", "put", "patch", "delete", "options", "trace"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["begin", "delete"])
def test_only_a_post_changes_anything(browser, conversation, method, name):
    args = [conversation.pk] if name == "delete" else []
    assert getattr(browser, method)(reverse(name, args=args)).status_code == 405
    assert Conversation.objects.count() == 1


BODIES = [
    ("application/json", "{"),
    ("application/json", "[" * 100_000),
    ("multipart/form-data", "x"),
    ("multipart/form-data; boundary=", "x"),
    ("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data\r\n\r\n--"),
    ("multipart/form-data; boundary=\xff", "x"),
    ("application/x-www-form-urlencoded", "&".join(f"f{n}=1" for n in range(2000))),
    ("application/x-www-form-urlencoded", "text=%ff%fe%00&=&&title=%"),
    ("application/x-www-form-urlencoded; charset=utf-7", "title=+AAAA-"),
    ("application/x-www-form-urlencoded; charset=nothing", "title=x"),
    ("\0", "x"),
    ("x" * 5000, "x"),
]


@pytest.mark.parametrize("name", ["begin", "login", "signup"])
def test_no_body_is_a_fault_of_the_site(browser, name):
    for kind, body in BODIES:
        address = reverse(name)
        answer = browser.try_to("generic", "POST", address, body.encode(), content_type=kind)
        assert answer.status_code < 500, (kind, body[:40])
    assert browser.get(reverse("conversations")).status_code == 200


def test_a_stranger_is_told_so_and_a_foreign_form_is_refused(client, conversation):
    assert error_of(client.post(reverse("begin"))) == (401, "not_logged_in")
    strict = type(client)(enforce_csrf_checks=True)
    strict.force_login(conversation.owner)
    assert strict.post(reverse("begin"), headers={"origin": "http://evil"}).status_code == 403


def test_who_was_deactivated_is_a_stranger(browser, owner, conversation):
    type(owner).objects.update(is_active=False)
    answer = browser.post(reverse("rename", args=[conversation.pk]), {"title": "still here"})
    assert error_of(answer) == (401, "not_logged_in")
