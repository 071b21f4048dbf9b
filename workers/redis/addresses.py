"""Addresses of Redis: what one says, and where one ends and the next begins. The only reader of them.

A server is `redis://...`, as redis-py has it. `redis+sentinel://host:26379,host2/MASTER/0` is whichever
server these Sentinels call the master, `redis+cluster://host:6379,host2` the Redis Cluster of these nodes.
With `rediss` all of these speak TLS. What follows a `?` are options: of TLS, as redis-py calls them, and
`sentinel_username` and `sentinel_password`, where Sentinels want one of their own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

PLAIN = ("redis", "rediss", "unix")
SENTINEL = "redis+sentinel"
CLUSTER = "redis+cluster"
KINDS = {
    SENTINEL: SENTINEL,
    CLUSTER: CLUSTER,
    "rediss+sentinel": SENTINEL,
    "rediss+cluster": CLUSTER,
}
PORTS = {SENTINEL: 26379, CLUSTER: 6379}  # of a host that names none
EXAMPLES = {
    SENTINEL: f"{SENTINEL}://host1:26379,host2:26379/MASTER/0",
    CLUSTER: f"{CLUSTER}://host1:6379,host2:6379",
}
OWN = ("sentinel_username", "sentinel_password")
CHECK = "ssl_check_hostname"
TLS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", CHECK)

# A comma that no scheme follows is inside an address, between its hosts.
BETWEEN = re.compile(r"\s*,\s*(?=[a-z+]+://)|\s+")
SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::([0-9]+))?")  # brackets: IPv6


class UnusableAddress(ValueError):
    """Of Redis. Says the mend, and never the address: that may hold a password."""


class UnknownScheme(UnusableAddress):
    """It is none of the kinds that are known."""


class NoHost(UnusableAddress):
    """It names no Sentinel or node, or one that cannot be read."""


class NoMaster(UnusableAddress):
    """The Sentinels cannot be asked for a master without a name."""


class NoDatabase(UnusableAddress):
    """What it ends in is not the number of a database; a Cluster has none."""


class UnknownOption(UnusableAddress):
    """It has an option that it cannot have."""


class NoCluster(UnusableAddress):
    """It names a Cluster for a role that cannot be on one."""

    def __init__(self) -> None:
        super().__init__(
            "names a Redis Cluster, for which neither RQ nor the channel layer has a client: name a "
            "server or its Sentinels, and the Cluster in REDIS_CACHE_URL and REDIS_STORE_URL alone"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to talk to each server, as redis-py calls it."""

    username: str | None = None
    password: str | None = None
    tls: Mapping[str, Any] = field(default_factory=dict)  # empty: none

    @property
    def credentials(self) -> dict[str, Any]:
        """What a connection begins with."""
        return {"username": self.username, "password": self.password, **self.tls}


@dataclass(frozen=True, slots=True)
class Sentinels(Access):
    """Whom to ask for the master, which one, and how to talk to it and to them."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    database: int = 0
    own: tuple[str | None, str | None] = (None, None)  # the Sentinels' user and password

    @property
    def credentials(self) -> dict[str, Any]:
        """What a connection to the master begins with."""
        return {"db": self.database, **super(Sentinels, self).credentials}

    @property
    def asking(self) -> dict[str, Any]:
        """What a connection to a Sentinel begins with."""
        username, password = self.own
        return {"username": username, "password": password, **self.tls}


@dataclass(frozen=True, slots=True)
class Cluster(Access):
    """Whom to ask for the nodes of a Redis Cluster, and how to talk to each."""

    hosts: tuple[tuple[str, int], ...]


def split(addresses: str) -> list[str]:
    """The single addresses: blanks are between them, or a comma before the next scheme."""
    return [address for address in BETWEEN.split(addresses.strip(", \t\n")) if address]


def read(address: str) -> Sentinels | Cluster | None:
    """What an address says of several hosts; None: it is one server's. Raises UnusableAddress."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in (*PLAIN, *KINDS):
        known = ", ".join(f"{kind}://" for kind in (*PLAIN, *KINDS))
        raise UnknownScheme(f"begins with none of {known}")
    if scheme in PLAIN:
        return None
    kind = KINDS[scheme]
    rest, _, query = rest.partition("?")
    place, _, path = rest.partition("/")
    credentials, _, named = place.rpartition("@")
    username, _, password = credentials.partition(":")
    hosts = tuple(_host(host, kind) for host in named.split(","))
    own, tls = _options(query, kind, is_secure=scheme.startswith("rediss"))
    access: dict[str, Any] = {
        "username": unquote(username) or None,
        "password": unquote(password) or None,
        "tls": tls,
    }
    if kind == CLUSTER:
        if path not in ("", "0"):
            raise NoDatabase(f"names a database, and a Cluster has none: write {EXAMPLES[CLUSTER]}")
        return Cluster(hosts, **access)
    return Sentinels(hosts, *_master(path), own, **access)


def _options(
    query: str, kind: str, *, is_secure: bool
) -> tuple[tuple[str | None, str | None], dict[str, Any]]:
    """The Sentinels' own user and password, and what redis-py is told of TLS."""
    told: dict[str, Any] = dict(parse_qsl(query))
    known = [*(OWN if kind == SENTINEL else ()), *(TLS if is_secure else ())]
    if query and (not told or not told.keys() <= set(known)):
        able = ", ".join(known) or "none"
        raise UnknownOption(f"has an option after its ? that it cannot have: it may have {able}")
    username, password = (told.pop(name, None) for name in OWN)
    if CHECK in told:
        told[CHECK] = told[CHECK].lower() not in ("0", "false", "no", "off")
    return (username, password), {"ssl": True, **told} if is_secure else {}


def _master(path: str) -> tuple[str, int]:
    """The master's name and its database."""
    master, _, database = path.partition("/")
    if not master:
        raise NoMaster(f"names no master: write {EXAMPLES[SENTINEL]}")
    if database and not re.fullmatch("[0-9]+", database):
        raise NoDatabase(f"does not end in a database's number: write {EXAMPLES[SENTINEL]}")
    return unquote(master), int(database or 0)


def _host(named: str, scheme: str) -> tuple[str, int]:
    found, default = SERVER.fullmatch(named), PORTS[scheme]
    if found is None or not 0 < int(found[2] or default) < 2**16:
        raise NoHost(f"names something that is no host:port: write {EXAMPLES[scheme]}")
    return found[1].strip("[]"), int(found[2] or default)
