"""The admin under addresses and forms that nobody made: refused or ignored, never a fault."""

from itertools import product
from uuid import uuid4

import pytest
from django.contrib import admin
from django.urls import reverse

from conversations.models import Turn

pytestmark = pytest.mark.django_db

LISTS = sorted(
    f"admin:{model._meta.app_label}_{model._meta.model_name}"
    for model in admin.site._registry
    if model._meta.app_label in {"conversations", "workers"}
)
TEXTS = ["\0", "9" * 5000, "<script>alert(1)</script> ' OR 1=1 \\"]
QUERIES = ["q", "before", "o", "p", "e", "id", "owner", "owner__password", "id__regex", "state__in"]
IDS = ["0", "-1", "9" * 50, "x", "\0", "_00", "a/b", str(uuid4())]


@pytest.mark.parametrize("name", LISTS)
def test_no_address_of_a_list_is_a_fault(staff_browser, theirs, name):
    for query, text in product(QUERIES, TEXTS):
        answer = staff_browser.try_to("get", reverse(f"{name}_changelist"), {query: text})
        assert answer.status_code in {200, 302, 400}, (query, text)
        assert b"<script>alert" not in answer.content


@pytest.mark.parametrize("name", LISTS)
def test_no_row_has_an_id_that_nobody_gave(staff_browser, name):
    for page, key in product(("change", "history", "delete"), IDS):
        answer = staff_browser.try_to("get", reverse(f"{name}_{page}", args=[key]))
        assert answer.status_code in {302, 403, 404}, (page, key)


ACTIONS = [
    {},
    {"action": "nothing"},
    {"action": "\0", "_selected_action": "\0"},
    {"action": "delete_selected", "_selected_action": "1", "post": "yes"},
    {"action": "cancel", "_selected_action": "x"},
    {"action": "cancel", "_selected_action": "9" * 50},
    {"action": "requeue", "select_across": "1", "_selected_action": str(uuid4())},
    {"action": "export", "_selected_action": ["1", "\0"]},
]


@pytest.mark.parametrize("name", LISTS)
def test_no_action_is_a_fault_or_does_what_it_was_not_asked(staff_browser, theirs, name):
    before = list(Turn.objects.values())
    for form in ACTIONS:
        answer = staff_browser.try_to("post", reverse(f"{name}_changelist"), form)
        assert answer.status_code in {200, 302, 400, 403}, form
    assert list(Turn.objects.values()) == before


def test_rows_of_the_admin_cannot_be_assigned_to(staff_browser, theirs):
    """What people said and what became of it is read-only, forged forms included."""
    address = reverse("admin:conversations_conversation_change", args=[theirs.pk])
    forged = {"owner": "1", "version": "99", "title": "forged", "open_turns": "0", "_save": "Save"}
    assert staff_browser.post(address, forged).status_code in {200, 302, 403}
    theirs.refresh_from_db()
    assert (theirs.title, theirs.version) == ("Eve's own", 0)


@pytest.mark.parametrize("name", LISTS)
def test_who_is_no_staff_sees_nothing_of_the_admin(browser, theirs, name):
    answer = browser.get(reverse(f"{name}_changelist"))
    assert (answer.status_code, answer.url.split("?")[0]) == (302, reverse("admin:login"))
