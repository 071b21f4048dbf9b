"""Addresses of Redis: what one says, and where one ends and the next begins. The only reader of them.

A server is `redis://...`, as redis-py has it. `redis+sentinel://host:26379,host2/MASTER/0` is whichever
server these Sentinels call the master, `redis+cluster://host:6379,host2` the Redis Cluster of these nodes.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

PLAIN = ("redis", "rediss", "unix")
SENTINEL = "redis+sentinel"
CLUSTER = "redis+cluster"
PORTS = {SENTINEL: 26379, CLUSTER: 6379}  # of a host that names none
EXAMPLES = {
    SENTINEL: f"{SENTINEL}://host1:26379,host2:26379/MASTER/0",
    CLUSTER: f"{CLUSTER}://host1:6379,host2:6379",
}

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


class NoCluster(UnusableAddress):
    """It names a Cluster for a role that cannot be on one."""

    def __init__(self) -> None:
        super().__init__(
            "names a Redis Cluster, for which neither RQ nor the channel layer has a client: name a "
            "server or its Sentinels, and the Cluster in REDIS_CACHE_URL and REDIS_STORE_URL alone"
        )


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Whom to ask for the master, which one, and how to talk to it."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    database: int = 0
    username: str | None = None
    password: str | None = None

    @property
    def credentials(self) -> dict[str, Any]:
        """What a connection to the master begins with, as redis-py calls it."""
        return {"db": self.database, "username": self.username, "password": self.password}


@dataclass(frozen=True, slots=True)
class Cluster:
    """Whom to ask for the nodes of a Redis Cluster, and how to talk to each."""

    hosts: tuple[tuple[str, int], ...]
    username: str | None = None
    password: str | None = None

    @property
    def credentials(self) -> dict[str, Any]:
        """What a connection to a node begins with, as redis-py calls it."""
        return {"username": self.username, "password": self.password}


def split(addresses: str) -> list[str]:
    """The single addresses: blanks are between them, or a comma before the next scheme."""
    return [address for address in BETWEEN.split(addresses.strip(", \t\n")) if address]


def read(address: str) -> Sentinels | Cluster | None:
    """What an address says of several hosts; None: it is one server's. Raises UnusableAddress."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in (*PLAIN, *EXAMPLES):
        known = ", ".join(f"{kind}://" for kind in (*PLAIN, *EXAMPLES))
        raise UnknownScheme(f"begins with none of {known}")
    if scheme in PLAIN:
        return None
    place, _, path = rest.partition("/")
    credentials, _, named = place.rpartition("@")
    username, _, password = credentials.partition(":")
    hosts = tuple(_host(host, scheme) for host in named.split(","))
    login = (unquote(username) or None, unquote(password) or None)
    if scheme == CLUSTER:
        if path not in ("", "0"):
            raise NoDatabase(f"names a database, and a Cluster has none: write {EXAMPLES[CLUSTER]}")
        return Cluster(hosts, *login)
    return Sentinels(hosts, *_master(path), *login)


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
