"""What the browser is given: a strict policy, nothing from elsewhere, every module preloaded."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse

pytestmark = pytest.mark.django_db
STATIC = Path(settings.BASE_DIR) / "conversations/static/conversations"


@pytest.fixture
def html(client, owner, conversation) -> str:
    client.force_login(owner)
    return client.get(reverse("conversation", args=[conversation.id])).content.decode()


@pytest.mark.parametrize("name", ["login", "signup", "chat", "password", "password_changed"])
def test_pages_forbid_scripts_and_styles_within(client, owner, name):
    if name not in ("login", "signup"):
        client.force_login(owner)
    response = client.get(reverse(name))
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert not re.search(
        r"<style|style=|\son\w+=|<script(?!( type=.module.)? src=)", response.content.decode()
    )


def test_nothing_comes_from_elsewhere(html):
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', html)


@pytest.mark.parametrize("name", ["chat", "conversation", "conversations", "carried", "earlier"])
def test_no_browser_keeps_what_is_private(client, owner, conversation, name):
    client.force_login(owner)
    of_one = [conversation.id] if name in ("conversation", "earlier") else []
    assert "no-store" in client.get(reverse(name, args=of_one)).headers["Cache-Control"]


def test_every_module_is_preloaded(html):
    preloaded = set(re.findall(r'modulepreload" href="/static/conversations/([^"]+)"', html))
    modules = {str(path.relative_to(STATIC)) for path in STATIC.rglob("*.js")}
    of_another_page = {name for name in modules if name.startswith("carried/")}
    assert preloaded == modules - of_another_page - {"chat.js", "admin.js", "enter.js"}


def test_modules_stay_small():
    for path in [*STATIC.glob("*.js"), *STATIC.glob("*.css")]:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 250, path.name


def test_every_file_that_a_page_names_is_there(client, html):
    for address in set(re.findall(r'(?:src|href)="(/static/[^"#]+)', html)):
        assert client.get(address).status_code == 200, address


def test_a_log_in_leads_back_to_the_page(client, owner, conversation):
    client.force_login(owner)
    address = reverse("conversation", args=[conversation.id])
    assert f'data-login="/login/?next={address}"' in client.get(address).content.decode()


def test_the_icon_is_found_where_browsers_look(client):
    assert client.get("/favicon.ico").url == "/static/conversations/favicon.svg"
