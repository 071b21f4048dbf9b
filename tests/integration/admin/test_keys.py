"""API keys in the admin: made and shown once, listed without the secret, revoked."""

import re

import pytest
from django.contrib.auth import get_user_model

from conversations import keys
from conversations.errors import InvalidKey
from conversations.models import ApiKey
from tests.integration.admin.conftest import entered
from tests.integration.admin.rows import person

ADD = "/admin/conversations/apikey/add/"
LIST = "/admin/conversations/apikey/"
VERBS = [f"{verb}_apikey" for verb in ("view", "add", "change")]


@pytest.fixture
def keeper(db):
    return entered(person("kim", *VERBS, is_staff=True))


def form(owner):
    fields = {"name": "tests", "scopes": ["read"], "requests_per_minute": "5"}
    return {"owner": owner.pk, **fields, "expires_0": "", "expires_1": ""}


def user(name):
    return get_user_model().objects.get(username=name)


def test_a_key_is_shown_once(keeper):
    page = keeper.post(ADD, form(user("kim")))
    [secret] = re.findall(r'<code id="secret">(ags_[\w-]+)</code>', page.content.decode())
    assert keys.caller(secret).user == user("kim")
    assert keys.caller(secret).requests_per_minute == 5
    assert "no-store" in page["Cache-Control"]
    listed = keeper.get(LIST).content.decode()
    assert secret[: keys.SHOWN] in listed
    assert secret not in listed


def test_a_key_for_somebody_else_takes_a_superuser(keeper, owner, django_user_model):
    assert b"for yourself only" in keeper.post(ADD, form(owner)).content
    assert not ApiKey.objects.exists()
    root = entered(django_user_model.objects.create_superuser("root"))
    assert root.post(ADD, form(owner)).status_code == 200
    assert ApiKey.objects.get().owner == owner


def test_a_revoked_key_is_refused(keeper):
    key, secret = keys.make(user("kim").pk, name="tests")
    keeper.post(LIST, {"action": "revoke", "_selected_action": [key.pk]})
    with pytest.raises(InvalidKey):
        keys.caller(secret)
    assert "revoked" in keeper.get(LIST).content.decode()


def test_who_may_only_look_makes_no_key(viewer, owner):
    assert viewer.post(ADD, form(owner)).status_code == 403
    assert not ApiKey.objects.exists()
