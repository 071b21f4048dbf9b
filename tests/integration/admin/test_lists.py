"""Lists of many rows: read-only, newest first, page by page, and nothing is counted."""

import re

import pytest
from django.urls import reverse

from conversations.models import Turn
from tests.integration.admin.rows import TABLES, crowd, turn_of

LISTS = [f"admin:conversations_{table}_changelist" for table in TABLES]
STATES = ["open", *Turn.State.values]


def shown(page) -> list[str]:
    """The ids in the boxes of a list, in its order."""
    return re.findall(r'name="_selected_action" value="([^"]+)"', page.content.decode())


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_thousands_takes_at_most_ten_queries_and_reads_no_table_through(
    name, viewer, owner, cost
):
    crowd(owner)
    with cost() as spent:
        assert viewer.get(reverse(name)).status_code == 200
    assert len(spent) <= 10
    spent.assert_cheap()


def test_no_state_filter_reads_the_turns_through(viewer, owner, cost):
    crowd(owner)
    with cost() as spent:
        for state in STATES:
            viewer.get(reverse("admin:conversations_turn_changelist"), {"state": state})
    spent.assert_cheap()
    assert spent.plans().count("turn_not_completed") >= 3


def test_the_list_of_open_conversations_goes_by_the_open_turns(viewer, owner, conversation, cost):
    crowd(owner)
    turn_of(conversation, "running")
    with cost() as spent:
        page = viewer.get(reverse("admin:conversations_conversation_changelist"), {"open": "1"})
    assert "Engines" in page.content.decode()
    assert "Talk 1" not in page.content.decode()
    spent.assert_cheap()


def test_a_list_says_about_how_many_rows_there_are(viewer, owner):
    crowd(owner)
    page = viewer.get(reverse("admin:conversations_turn_changelist"))
    assert "about 3000 in all" in page.content.decode()


def test_pages_follow_each_other_without_gap_or_overlap(operator, conversation):
    made = [turn_of(conversation) for _ in range(120)]
    address, seen = reverse("admin:conversations_turn_changelist"), []
    query = ""
    while query is not None:
        page = operator.get(address + query)
        seen += shown(page)
        query = page.context["cl"].older
    assert seen == [str(turn.pk) for turn in reversed(made)]


def test_the_newer_page_leads_back(operator, conversation):
    for _ in range(120):
        turn_of(conversation)
    address = reverse("admin:conversations_turn_changelist")
    first = operator.get(address)
    second = operator.get(address + first.context["cl"].older)
    assert shown(operator.get(address + second.context["cl"].newer)) == shown(first)


def test_a_filter_or_search_on_a_later_page_begins_at_the_first(viewer, conversation):
    turn = turn_of(conversation)
    address = reverse("admin:conversations_turn_changelist")
    page = viewer.get(address, {"before": turn.pk, "state": "completed"}).content.decode()
    assert "before=" not in page.split('id="changelist-filter"')[1]
    assert 'name="before"' not in page


def test_a_position_that_is_no_id_leads_to_the_first_page(viewer):
    address = reverse("admin:conversations_turn_changelist")
    assert viewer.get(address, {"before": "x' OR 1=1"}).url == f"{address}?e=1"


@pytest.mark.parametrize("lookup", ["worker_name__contains", "owner__password__startswith"])
def test_a_filter_without_an_index_is_refused(lookup, viewer):
    address = reverse("admin:conversations_turn_changelist")
    assert viewer.get(address, {lookup: "x"}).status_code == 400
