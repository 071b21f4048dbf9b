"""Who may ask: keys, their scopes, their ends, and how often."""

import re
from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from conversations import keys
from conversations.api import watches
from conversations.models import ApiKey
from conversations.threads import in_thread

MODELS = "/v1/models"


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


async def made(owner, **options):
    return await in_thread(keys.make, owner.pk, name="tests", **options)


async def asked(program, secret, path=MODELS, **how):
    return await program.request(how.pop("method", "GET"), path, headers=bearer(secret), **how)


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_key_opens_the_door(program):
    answer = await program.get(MODELS)
    assert [model["id"] for model in answer.json()["data"]] == ["demo"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ags_wrong", "Basic YTpi", "Bearer \xff"])
async def test_anything_else_does_not(program, header):
    answer = await program.get(MODELS, headers={"Authorization": header.encode("latin1")})
    assert code(answer) == (401, "invalid_api_key")
    assert answer.json()["error"]["type"] == "authentication_error"


async def test_a_session_opens_nothing(program, owner, client):
    await in_thread(client.force_login, owner)
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    answer = await program.get(MODELS, headers={"Authorization": "", "Cookie": cookie})
    assert code(answer) == (401, "invalid_api_key")


async def test_a_revoked_key_is_refused_at_once(program, owner):
    key, secret = await made(owner)
    assert (await asked(program, secret)).status_code == 200
    assert await in_thread(keys.revoke, key.pk)
    assert code(await asked(program, secret)) == (401, "invalid_api_key")


async def test_an_expired_key_is_refused(program, owner):
    _, secret = await made(owner, expires=timezone.now() - timedelta(seconds=1))
    assert code(await asked(program, secret)) == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("days", "seconds"), [(None, 60), (1, 60), (-1, 1), (30 / 86_400, 30)]
)  # fmt: skip
def test_a_key_that_lasts_is_looked_at_each_minute_and_at_its_end(owner, days, seconds):
    expires = None if days is None else timezone.now() + timedelta(days=days)
    caller = keys.Caller(
        key=uuid4(), user=owner, scopes=frozenset(), requests_per_minute=0, expires=expires
    )
    assert seconds / 2 < watches.rest(caller) <= seconds


async def test_a_key_of_somebody_deactivated_is_refused(program, owner):
    _, secret = await made(owner)
    owner.is_active = False
    await in_thread(owner.save)
    assert code(await asked(program, secret)) == (401, "invalid_api_key")


async def test_a_key_does_what_its_scopes_say(program, owner):
    _, secret = await made(owner, scopes=["read"])
    assert (await asked(program, secret)).status_code == 200
    refused = await asked(program, secret, "/v1/conversations", method="POST", json={})
    assert code(refused) == (403, "insufficient_scope")


async def test_what_is_kept_of_a_key_gives_it_not_away(owner):
    key, secret = await made(owner)
    kept = await in_thread(lambda: str(ApiKey.objects.values().get()))
    assert secret not in kept
    assert secret.startswith(key.prefix)
    assert len(secret) - len(key.prefix) > 30


async def test_the_last_use_is_noted_once_a_minute(program, owner):
    key, secret = await made(owner)
    for _ in range(2):
        await asked(program, secret)
    first = await in_thread(lambda: ApiKey.objects.get(pk=key.pk).last_used)
    await asked(program, secret)
    assert await in_thread(lambda: ApiKey.objects.get(pk=key.pk).last_used) == first


async def test_a_key_makes_so_many_requests_a_minute(program, owner):
    _, secret = await made(owner, requests_per_minute=2)
    answers = [await asked(program, secret) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    left = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert left == ["1", "0", "0"]
    for answer in answers:
        assert answer.headers["x-ratelimit-limit-requests"] == "2"
        assert re.fullmatch(r"\d+\.\d{3}s", answer.headers["x-ratelimit-reset-requests"])
    assert code(answers[2])[1] == "rate_limited"
    assert 0 < int(answers[2].headers["retry-after"]) <= 31


async def test_two_keys_do_not_share_their_requests(program, owner):
    for _ in range(2):
        _, secret = await made(owner, requests_per_minute=1)
        assert (await asked(program, secret)).status_code == 200


async def test_nobody_counts_while_redis_is_away(program, owner, settings):
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    }
    _, secret = await made(owner, requests_per_minute=1)
    for _ in range(2):
        assert (await asked(program, secret)).status_code == 200


def test_a_key_is_made_on_the_command_line(owner):
    printed = StringIO()
    call_command("createapikey", "ada", "--scope", "read", stdout=printed, stderr=StringIO())
    caller = keys.caller(printed.getvalue().strip())
    assert (caller.user, caller.scopes) == (owner, {"read"})


def test_a_key_for_nobody_is_not_made(owner):
    with pytest.raises(CommandError, match="no user"):
        call_command("createapikey", "eve")


@pytest.mark.parametrize(
    "option", [("--days", "0"), ("--days", "9999999"), ("--requests-per-minute", "-1")]
)
def test_a_command_makes_no_key_that_nobody_meant(owner, option):
    """A key of no days would never expire."""
    with pytest.raises(CommandError):
        call_command("createapikey", "ada", *option, stdout=StringIO(), stderr=StringIO())
    assert not ApiKey.objects.exists()
