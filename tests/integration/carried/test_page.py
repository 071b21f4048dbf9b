"""The sealed door for who is logged in."""

import httpx2 as httpx
import pytest
from django.test import Client
from django.urls import reverse

from conversations.threads import in_thread
from tests.integration.api.events import read
from tests.integration.api.test_streams import until_held
from tests.waiting import GENEROUS

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


FORM = "multipart/form-data; boundary=x"
NO_MESSAGES = [
    ("[" * 100_000, "application/json", (400, "invalid_json")),
    ("x" * 3_000_000, "application/json", (413, "too_large")),
    ("--x--", FORM, (400, "invalid_json")),
    ("{}", "text/plain", (400, "invalid_json")),
]


@pytest.mark.parametrize(("body", "kind", "refused"), NO_MESSAGES, ids=range(len(NO_MESSAGES)))
def test_no_body_is_a_fault(owner, body, kind, refused):
    """With a browser's token, for which Django reads forms before the page does."""
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    browser.get("/carried/")
    headers = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    answer = browser.post("/carried/say/", body, content_type=kind, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == refused


def test_a_person_may_not_ask_without_end(person, settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    codes = [sent(person)[0] for _ in range(3)]
    assert codes == [400, 400, 429]


def log_out(client, owner):
    client.post(reverse("logout"))


def deactivate(client, owner):
    owner.is_active = False
    owner.save()


@pytest.mark.usefixtures("crew")
@pytest.mark.parametrize("end", [log_out, deactivate])
async def test_an_answer_ends_with_the_session(replica, person, owner, heard, end):
    cookies = {"sessionid": person.cookies["sessionid"].value}
    body = {"message": "[[hold after=1]]", "stream": True}
    async with httpx.AsyncClient(base_url=replica, cookies=cookies, timeout=GENEROUS) as browser:
        await browser.get("/carried/")
        headers = {"X-CSRFToken": browser.cookies["csrftoken"]}
        asked = browser.stream("POST", "/carried/say/", json=body, headers=headers)
        async with asked as answer:
            events = read(answer)
            await until_held(events)
            await heard()
            await in_thread(end, person, owner)
            [error] = [event async for event in events]
    assert error["error"]["code"] == "not_logged_in"
