"""A master, its replica and a Sentinel that watches them: real servers of a test's own.

The Sentinel wants another password than they do.
"""

import subprocess
from pathlib import Path

import redis

from devtools.children import Command
from devtools.ports import free_port
from tests.integration import certificates
from tests.integration.redis_server import STOP_WITHIN, RedisServer
from tests.waiting import eventually

DATABASE = 2
CONFIGURATION = """\
bind 127.0.0.1
{listening}
requirepass {own}
dir "{folder}"
sentinel monitor {name} 127.0.0.1 {master} 1
sentinel auth-pass {name} {password}
sentinel down-after-milliseconds {name} {down_after}
sentinel failover-timeout {name} 3000
"""


OWN = "another-word"


class Watched:
    """The Sentinel's address begins with one that is away, as one of three may be.

    With `secure` all three speak TLS; the test reaches the servers without it, at another port.
    """

    def __init__(self, folder: Path, *, down_after: int = 300, secure: bool = False) -> None:
        """`down_after`: milliseconds of silence until another is made the master."""
        self._folder = folder
        self._down_after = down_after
        self._port = free_port()
        self._files = certificates.make(folder) if secure else None
        self.name = f"Main-{self._port}"  # django-redis keeps connections by it, in a process
        self._password = "secret-word"
        self._ports = (free_port(), free_port())  # over TLS
        self.master, self.replica = (
            RedisServer(folder / name, self._password, more=self._tls(port))
            for name, port in zip(("master", "replica"), self._ports, strict=True)
        )
        scheme = "rediss" if secure else "redis"
        options = [f"sentinel_password={OWN}"]
        options += [f"ssl_ca_certs={self._files[0]}"] if self._files else []
        hosts = f"127.0.0.1:1,127.0.0.1:{self._port}"
        self.url = (
            f"{scheme}+sentinel://:{self._password}@{hosts}/{self.name}/{DATABASE}"
            f"?{'&'.join(options)}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def _tls(self, port: int) -> list[str]:
        return certificates.lines(self._files, port) if self._files else []

    def start(self) -> None:
        self.master.start()
        self.replica.start()
        with self.master.client() as master, self.replica.client() as replica:
            master.config_set("repl-diskless-sync-delay", 0)
            replica.config_set("masterauth", self._password)
            replica.replicaof("127.0.0.1", self._master_port)
            eventually(lambda: replica.info("replication")["master_link_status"] == "up")
        self._process = self._sentinel().start()
        trust = {"ssl": True, "ssl_ca_certs": self._files[0]} if self._files else {}
        with redis.Redis(port=self._port, host="127.0.0.1", password=OWN, **trust) as sentinel:
            eventually(lambda: self._knows(sentinel))

    @property
    def _master_port(self) -> int:
        return self._ports[0] if self._files else self.master.port

    def _sentinel(self) -> Command:
        configuration = self._folder / "sentinel.conf"
        lines = ["port 0", *self._tls(self._port)] if self._files else [f"port {self._port}"]
        told = {"listening": "\n".join(lines), "folder": self._folder, "name": self.name}
        told |= {"master": self._master_port, "password": f'"{self._password}"', "own": OWN}
        told |= {"down_after": self._down_after}
        configuration.write_text(CONFIGURATION.format(**told), encoding="utf-8")
        argv = (str(self.master.binary), str(configuration), "--sentinel")
        return Command("sentinel", argv, self._folder / "sentinel.log")

    def _knows(self, sentinel: redis.Redis) -> bool:
        """Whether the Sentinel could make the replica a master."""
        try:
            found = sentinel.sentinel_slaves(self.name)
        except redis.ConnectionError:
            return False
        return any("disconnected" not in replica["flags"] for replica in found)

    def promoted(self) -> redis.Redis:
        """A client of what was the replica, as soon as it is the master."""
        client = self.replica.client(DATABASE)
        eventually(lambda: client.info("replication")["role"] == "master")
        return client

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_WITHIN)
        self.replica.stop()
        self.master.stop()
