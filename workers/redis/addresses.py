"""Addresses of Redis: what one says, and where one ends and the next begins. The only reader of them.

A server is `redis://...`, as redis-py has it. `redis+sentinel://host:26379,host2/MASTER/0` is whichever
server these Sentinels call the master.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

PLAIN = ("redis", "rediss", "unix")
SENTINEL = "redis+sentinel"
PORT = 26379  # of a Sentinel that names none
EXAMPLE = f"{SENTINEL}://host1:26379,host2:26379/MASTER/0"

# A comma that no scheme follows is inside an address, between its Sentinels.
BETWEEN = re.compile(r"\s*,\s*(?=[a-z+]+://)|\s+")
SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::([0-9]+))?")  # brackets: IPv6


class UnusableAddress(ValueError):
    """Of Redis. Says the mend, and never the address: that may hold a password."""


class UnknownScheme(UnusableAddress):
    """It is none of the kinds that are known."""


class NoSentinel(UnusableAddress):
    """It names no Sentinel, or one that cannot be read."""


class NoMaster(UnusableAddress):
    """The Sentinels cannot be asked for a master without a name."""


class NoDatabase(UnusableAddress):
    """What follows the master is not the number of a database."""


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Whom to ask for the master, which one, and how to talk to it."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    database: int = 0
    username: str | None = None
    password: str | None = None

    @property
    def credentials(self) -> dict[str, str | int | None]:
        """What a connection to the master begins with, as redis-py calls it."""
        return {"db": self.database, "username": self.username, "password": self.password}


def split(addresses: str) -> list[str]:
    """The single addresses: blanks are between them, or a comma before the next scheme."""
    return [address for address in BETWEEN.split(addresses.strip(", \t\n")) if address]


def sentinels(address: str) -> Sentinels | None:
    """What an address says of Sentinels; None: it is a server's own. Raises UnusableAddress."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in (*PLAIN, SENTINEL):
        raise UnknownScheme(f"begins with none of redis://, rediss://, unix://, {SENTINEL}://")
    if scheme != SENTINEL:
        return None
    place, _, path = rest.partition("/")
    credentials, _, hosts = place.rpartition("@")
    username, _, password = credentials.partition(":")
    master, _, database = path.partition("/")
    if not master:
        raise NoMaster(f"names no master: write {EXAMPLE}")
    if database and not re.fullmatch("[0-9]+", database):
        raise NoDatabase(f"does not end in a database's number: write {EXAMPLE}")
    return Sentinels(
        hosts=tuple(_host(host) for host in hosts.split(",")),
        master=unquote(master),
        database=int(database or 0),
        username=unquote(username) or None,
        password=unquote(password) or None,
    )


def _host(named: str) -> tuple[str, int]:
    found = SERVER.fullmatch(named)
    if found is None or not 0 < int(found[2] or PORT) < 2**16:
        raise NoSentinel(f"names a Sentinel that is no host:port: write {EXAMPLE}")
    return found[1].strip("[]"), int(found[2] or PORT)
