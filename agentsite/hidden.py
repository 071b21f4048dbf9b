"""The site's own secrets, which no log line may hold; only `agentsite.settings` calls it."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from agentsite import env
from workers.redis import addresses as redis

SECRET = re.compile("KEY|TOKEN|SECRET|PASSWORD|HEADERS", re.IGNORECASE)


def secrets() -> list[str]:
    """What a name says to be secret, of variables and inside their JSON, and passwords in addresses."""
    names = {name.removesuffix("_FILE") for name in os.environ}
    found = {value for name in names if SECRET.search(name) for value in by_name(env.text(name))}
    found |= {value for told in env.mapped.values() for value in inside(told)}
    found |= {
        value for name in names if name.endswith("_URL") for value in passwords(env.text(name))
    }
    return sorted(filter(None, found))


def by_name(value: str) -> Iterator[str]:
    """Of a variable that holds a secret; each alone where it is JSON, as headers are."""
    yield value
    with suppress(ValueError):
        yield from inside(json.loads(value), is_secret=True)


def inside(told: Any, *, is_secret: bool = False) -> Iterator[str]:
    """The texts in a value of JSON that a key above them says to be secret."""
    if isinstance(told, Mapping):
        for key, value in told.items():
            yield from inside(value, is_secret=is_secret or bool(SECRET.search(key)))
    elif isinstance(told, list):
        for value in told:
            yield from inside(value, is_secret=is_secret)
    elif isinstance(told, str):
        if "://" in told:
            yield from passwords(told)
        if is_secret:
            yield from (told, told.rpartition(" ")[2])  # the second without a header's Bearer


def passwords(addresses: str) -> Iterator[str]:
    """The passwords in the addresses of servers; all of one that cannot be read."""
    for address in {addresses, *redis.split(addresses)}:
        try:
            parts = urlsplit(address)
        except ValueError:
            found = [address]
        else:
            options = [option.partition("=") for option in parts.query.split("&")]
            found = [value for name, _, value in options if SECRET.search(name)]
            found.append(parts.password or "")
        for password in found:
            yield from (password, unquote(password))
    with suppress(psycopg.Error):
        yield str(conninfo_to_dict(addresses).get("password", ""))
