"""Log-in, sign-up, a new password, log-out."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

PASSWORD = "a long passphrase"
pytestmark = pytest.mark.django_db


def sign_up(client, name="grace"):
    form = {"username": name, "password1": PASSWORD, "password2": PASSWORD}
    return client.post(reverse("signup"), form)


def test_a_new_account_is_logged_in_at_once(client):
    response = sign_up(client)
    assert response.url == reverse("chat")
    assert client.get(reverse("chat")).context["user"].username == "grace"


def test_a_weak_password_is_refused_with_words(client):
    form = {"username": "grace", "password1": "12345678", "password2": "12345678"}
    response = client.post(reverse("signup"), form)
    assert "too common" in response.content.decode()
    assert not get_user_model().objects.exists()


def test_the_first_field_that_is_wrong_has_the_focus_and_its_error_by_one_id(client):
    form = {"username": "grace", "password1": PASSWORD, "password2": "another"}
    html = client.post(reverse("signup"), form).content.decode()
    (focused,) = re.findall(r"<input[^>]* autofocus[^>]*>", html)
    assert 'name="password2"' in focused
    assert 'aria-describedby="id_password2_helptext id_password2_error"' in focused
    assert html.count('id="id_password2_error"') == 1
    assert "<title>Error: Create an account" in html


def test_a_closed_sign_up_says_so_and_makes_no_account(client, settings):
    settings.SIGNUP_OPEN = False
    response = sign_up(client)
    assert response.status_code == 403
    assert "Sign-up is closed" in response.content.decode()
    assert not get_user_model().objects.exists()


def test_the_log_in_page_offers_sign_up_only_while_it_is_open(client, settings):
    assert reverse("signup") in client.get(reverse("login")).content.decode()
    settings.SIGNUP_OPEN = False
    assert reverse("signup") not in client.get(reverse("login")).content.decode()


def test_a_wrong_password_is_refused_with_words(client, owner):
    response = client.post(reverse("login"), {"username": "ada", "password": "wrong"})
    assert "Please enter a correct username and password" in response.content.decode()


def test_log_in_leads_back_to_where_one_came_from(client, owner, conversation):
    wanted = reverse("conversation", args=[conversation.id])
    first = client.get(wanted)
    assert first.url == f"{reverse('login')}?next={wanted}"
    form = {"username": "ada", "password": PASSWORD, "next": wanted}
    assert client.post(reverse("login"), form).url == wanted


def test_log_in_leads_to_no_other_site(client, owner):
    form = {"username": "ada", "password": PASSWORD, "next": "https://elsewhere.example/"}
    assert client.post(reverse("login"), form).url == reverse("chat")


def test_a_new_password_ends_all_other_sessions(client, owner):
    elsewhere = Client()
    for browser in (client, elsewhere):
        browser.force_login(owner)
    form = {
        "old_password": PASSWORD,
        "new_password1": "another one",
        "new_password2": "another one",
    }
    response = client.post(reverse("password"), form, follow=True)
    assert "Your password is changed" in response.content.decode()
    assert elsewhere.get(reverse("chat")).status_code == 302
    owner.refresh_from_db()
    assert owner.check_password("another one")


def test_a_new_password_needs_the_old_one(client, owner):
    client.force_login(owner)
    form = {"old_password": "wrong", "new_password1": "another one", "new_password2": "another one"}
    html = client.post(reverse("password"), form).content.decode()
    assert "Your old password was entered incorrectly" in html
    (focused,) = re.findall(r"<input[^>]* autofocus[^>]*>", html)
    assert 'name="old_password"' in focused


def test_log_out_needs_a_post(client, owner):
    client.force_login(owner)
    assert client.get(reverse("logout")).status_code == 405
    assert client.post(reverse("logout")).url == reverse("login")
    assert client.get(reverse("chat")).status_code == 302
