"""Typed readers of environment variables; only `agentsite.settings` calls them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from workers.redis import addresses as redis

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}

problems: list[str] = []  # what a reader could not read; `agentsite.checks` reports each
mapped: dict[str, dict[str, Any]] = {}  # what was read as JSON, by variable; `hidden` looks inside


def text(name: str, default: str = "") -> str:
    """The value of NAME, or the content of the file that NAME_FILE names (for secrets)."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            problems.append(f"{name}_FILE names {path}, which cannot be read: {error.strerror}")
            return default
    return os.environ.get(name, default)


def integer(name: str, default: int, *, least: int = 0, most: int | None = None) -> int:
    """The whole number in NAME, from `least` to `most`."""
    value = os.environ.get(name, "")
    try:
        number = int(value) if value else default
    except ValueError:
        problems.append(f"{name} is not a whole number: set it to one such as {default}")
        return default
    if number < least or (most is not None and number > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        problems.append(f"{name} is {number}: set it to {bounds}")
        return default
    return number


def boolean(name: str, *, default: bool = False) -> bool:
    """The truth in NAME: 1, true, yes, on or 0, false, no, off."""
    value = os.environ.get(name, str(default)).lower()
    if value not in TRUE | FALSE:
        problems.append(f"{name} is neither true nor false: set it to 1 or 0")
        return default
    return value in TRUE


def choice(name: str, *known: str) -> str:
    """The one of the `known` words that NAME holds, the first without it."""
    value = text(name, known[0])
    if value not in known:
        problems.append(f"{name} is {value!r}: set it to one of {', '.join(known)}")
        return known[0]
    return value


def words(name: str, default: str = "") -> list[str]:
    """The comma-separated words in NAME."""
    return [word for word in (part.strip() for part in text(name, default).split(",")) if word]


def addresses(name: str, default: str, *, cluster: bool = False) -> list[str]:
    """The addresses of Redis in NAME, or the one that is the default. `cluster`: may it be one?"""
    found = redis.split(text(name, default))
    try:
        for address in found:
            if isinstance(redis.read(address), redis.Cluster) and not cluster:
                raise redis.NoCluster
    except redis.UnusableAddress as error:
        problems.append(f"{name} {error}")
        return [default]
    return found or [default]


def address(name: str, default: str, *, cluster: bool = False) -> str:
    """The one address of Redis in NAME."""
    found, *others = addresses(name, default, cluster=cluster)
    if others:
        problems.append(f"{name} names several servers: give one address, or Sentinels of one")
    return found


def mapping(name: str) -> dict[str, Any]:
    """The JSON object in NAME."""
    value = text(name)
    try:
        found = json.loads(value) if value else {}
    except ValueError as error:
        problems.append(f"{name} is not JSON: {error}")
        return {}
    if not isinstance(found, dict):
        problems.append(f"{name} is not a JSON object: write {{...}}")
        return {}
    mapped[name] = found
    return found


def objects(name: str) -> dict[str, dict[str, Any]]:
    """The JSON object in NAME whose values are objects too."""
    found = mapping(name)
    for key, value in found.items():
        if not isinstance(value, dict):
            problems.append(f"{name}[{key!r}] is not a JSON object: write {{{key!r}: {{...}}}}")
    return {key: value for key, value in found.items() if isinstance(value, dict)}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the changes, object by object down to single values."""
    both = {**base, **changes}
    for key in base.keys() & changes.keys():
        if isinstance(base[key], Mapping) and isinstance(changes[key], Mapping):
            both[key] = merged(base[key], changes[key])
    return both


def database(name: str, default: str) -> dict[str, Any]:
    """Django's connection settings from a libpq URL or keyword string in NAME.

    What libpq says of one that it cannot read has parts of it, perhaps the password: nobody is told.
    """
    try:
        parts = conninfo_to_dict(text(name, default))
    except Exception:  # noqa: BLE001 - psycopg raises several kinds; all mean "unreadable"
        problems.append(
            f"{name} is neither a PostgreSQL URL nor keywords of libpq: "
            "write postgresql://user:password@host:5432/name, with %40 for an @ in the password"
        )
        parts = conninfo_to_dict(default)
    known = {
        "dbname": "NAME",
        "user": "USER",
        "password": "PASSWORD",
        "host": "HOST",
        "port": "PORT",
    }
    settings: dict[str, Any] = {known[key]: str(parts.pop(key)) for key in known if key in parts}
    return {"ENGINE": "django.db.backends.postgresql", **settings, "OPTIONS": dict(parts)}
