"""Addresses of Redis are read in one place, and what is wrong with one is said with its mend."""

import os

import pytest
from django.core.checks import run_checks

from agentsite import env, hidden
from workers.redis import addresses
from workers.redis.addresses import (
    Cluster,
    NoDatabase,
    NoHost,
    NoMaster,
    Sentinels,
    UnknownOption,
    UnknownScheme,
)

TWO = (("a", 26379), ("b", 5))


@pytest.mark.parametrize("address", ["redis://a:1/0", "rediss://:p@a/0", "unix:///run/redis.sock"])
def test_an_address_of_one_server_names_no_others(address):
    assert addresses.read(address) is None


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("redis+sentinel://a,b:5/main", Sentinels(TWO, "main")),
        ("redis+sentinel://a:26379,b:5/Main/3", Sentinels(TWO, "Main", 3)),
        ("redis+sentinel://:p%40s@a,b:5/main/0", Sentinels(TWO, "main", password="p@s")),
        ("redis+sentinel://u:p@a,b:5/m", Sentinels(TWO, "m", username="u", password="p")),
        ("redis+sentinel://[::1]:7/main", Sentinels((("::1", 7),), "main")),
        (
            "redis+sentinel://:p@a,b:5/m?sentinel_username=v&sentinel_password=q%40",
            Sentinels(TWO, "m", own=("v", "q@"), password="p"),
        ),
        (
            "rediss+sentinel://a,b:5/m?ssl_ca_certs=/ca.pem&ssl_check_hostname=no",
            Sentinels(
                TWO, "m", tls={"ssl": True, "ssl_ca_certs": "/ca.pem", "ssl_check_hostname": False}
            ),
        ),
        ("redis+cluster://a:26379,b:5", Cluster(TWO)),
        ("rediss+cluster://a:26379,b:5", Cluster(TWO, tls={"ssl": True})),
        ("redis+cluster://u:p%40s@a", Cluster((("a", 6379),), username="u", password="p@s")),
    ],
)
def test_an_address_names_sentinels_and_their_master_or_nodes(address, found):
    assert addresses.read(address) == found


def test_tls_is_spoken_to_each_server_and_a_sentinel_hears_its_own_password():
    found = addresses.read("rediss+sentinel://:p@a/m?sentinel_password=q&ssl_ca_certs=/ca")
    tls = {"ssl": True, "ssl_ca_certs": "/ca", "username": None}
    assert found.credentials == tls | {"password": "p", "db": 0}
    assert found.asking == tls | {"password": "q"}
    secure = addresses.read("rediss+cluster://:p@a?ssl_ca_certs=/ca")
    assert secure.credentials == tls | {"password": "p"}


@pytest.mark.parametrize(
    ("address", "error"),
    [
        ("127.0.0.1:6379", UnknownScheme),
        ("sentinel://:secret@a/main", UnknownScheme),
        ("redis+sentinel:///main/0", NoHost),
        ("redis+sentinel://:secret@a,,b/main", NoHost),
        ("redis+sentinel://a:port/main", NoHost),
        ("redis+sentinel://a:70000/main", NoHost),
        ("redis+sentinel://:secret@a:26379", NoMaster),
        ("redis+sentinel://a//0", NoMaster),
        ("redis+sentinel://:secret@a/main/zero", NoDatabase),
        ("redis+cluster://:secret@a,,b", NoHost),
        ("redis+cluster://:secret@a/1", NoDatabase),
        ("redis+sentinel://a/main?secret", UnknownOption),
        ("redis+sentinel://a/main?ssl_ca_certs=secret", UnknownOption),
        ("rediss+cluster://a?sentinel_password=secret", UnknownOption),
    ],
)
def test_an_unusable_address_is_refused_with_the_mend_and_without_the_secret(address, error):
    with pytest.raises(error, match=r"write redis\+|begins with none of|it may have") as refused:
        addresses.read(address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "single"),
    [
        ("redis://a", ["redis://a"]),
        ("redis://a,redis://b , redis://c", ["redis://a", "redis://b", "redis://c"]),
        ("redis://a redis+sentinel://b,c/m/0", ["redis://a", "redis+sentinel://b,c/m/0"]),
        ("redis+sentinel://a,b/m,redis://c,", ["redis+sentinel://a,b/m", "redis://c"]),
        ("redis+cluster://a,b:1", ["redis+cluster://a,b:1"]),
        ("", []),
    ],
)
def test_blanks_and_a_comma_before_a_scheme_are_between_addresses(given, single):
    assert addresses.split(given) == single


@pytest.mark.parametrize(
    "value", ["redis+sentinel://a:1", "redis://a redis://b", "redis+cluster://a"]
)
def test_a_check_tells_of_an_address_that_cannot_be_used(monkeypatch, value):
    monkeypatch.setitem(os.environ, "REDIS_QUEUE_URL", value)
    monkeypatch.setattr(env, "problems", [])
    assert env.address("REDIS_QUEUE_URL", "redis://other/0").startswith("redis://")
    [told] = [error.msg for error in run_checks() if error.id == "agentsite.E001"]
    assert told.startswith("REDIS_QUEUE_URL names")


def test_only_a_role_that_can_be_on_a_cluster_takes_its_address(monkeypatch):
    address = "redis+cluster://a,b"
    monkeypatch.setitem(os.environ, "REDIS_URL", address)
    monkeypatch.setattr(env, "problems", [])
    assert env.address("REDIS_URL", "redis://other/0", cluster=True) == address
    assert env.problems == []
    assert env.addresses("REDIS_URL", "redis://other/0") == ["redis://other/0"]
    [told] = [error.msg for error in run_checks() if error.id == "agentsite.E001"]
    assert "the Cluster in REDIS_CACHE_URL and REDIS_STORE_URL alone" in told


def test_the_passwords_of_all_addresses_are_secrets(monkeypatch):
    addresses_ = "redis+sentinel://:p1@a,b/m?sentinel_password=p%403,redis://:p2@c"
    monkeypatch.setitem(os.environ, "REDIS_LIVE_URL", addresses_)
    assert {"p1", "p2", "p@3", "p%403"} <= set(hidden.secrets())
