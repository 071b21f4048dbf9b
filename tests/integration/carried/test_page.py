"""The sealed door for who is logged in."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(client, owner):
    client.force_login(owner)
    return client


def sent(client, body="{}"):
    answer = client.post("/carried/say/", body, content_type="application/json")
    return answer.status_code, answer.json()["error"]["code"]


def test_it_is_for_who_is_logged_in(client):
    assert sent(client) == (401, "not_logged_in")


def test_what_is_no_message_is_told_so(person):
    assert sent(person) == (400, "missing_field")
    assert sent(person, "{") == (400, "invalid_json")


def test_a_person_may_not_ask_without_end(person, settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    codes = [sent(person)[0] for _ in range(3)]
    assert codes == [400, 400, 429]
