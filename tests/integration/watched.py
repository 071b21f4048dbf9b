"""A master, its replica and a Sentinel that watches them: real servers of a test's own.

The Sentinel wants another password than they do.
"""

import subprocess
from pathlib import Path

import redis

from devtools.children import Command
from devtools.ports import free_port
from tests.integration.redis_server import RedisServer
from tests.integration.tunnels import Tunnel, certificate
from tests.waiting import GENEROUS, eventually

DATABASE = 2
PATIENT, IMPATIENT = 1000 * GENEROUS, 300  # milliseconds of silence: another is made the master
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {own}
dir "{folder}"
sentinel monitor {name} 127.0.0.1 {master} 1
sentinel auth-pass {name} {password}
sentinel down-after-milliseconds {name} {patient}
sentinel failover-timeout {name} 3000
"""


OWN = "another-word"


class Watched:
    """The Sentinel's address begins with one that is away, as one of three may be.

    A master that only stalls stays the master. With `secure` all are reached over TLS.
    """

    def __init__(self, folder: Path, *, secure: bool = False) -> None:
        self._folder = folder
        self._port = free_port()
        self.name = f"Main-{self._port}"  # django-redis keeps connections by it, in a process
        self._password = "secret-word"
        self.master = RedisServer(folder / "master", self._password)
        self.replica = RedisServer(folder / "replica", self._password)
        self._files = certificate(folder) if secure else None
        ports = (self._port, self.master.port) if self._files else ()
        self.tunnels = {port: Tunnel(port, self._files) for port in ports}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        kind, trust = "redis+sentinel", ""
        if self._files:
            kind, trust = "rediss+sentinel", f"&ssl_ca_certs={self._files[0]}"
        hosts = f"127.0.0.1:1,127.0.0.1:{self._door(self._port)}"
        place = f"{hosts}/{self.name}/{DATABASE}"
        return f"{kind}://:{self._password}@{place}?sentinel_password={OWN}{trust}"

    def _door(self, port: int) -> int:
        """Where whoever uses it knocks."""
        return self.tunnels[port].port if port in self.tunnels else port

    def start(self) -> None:
        self.master.start()
        self.replica.start()
        with self.master.client() as master, self.replica.client() as replica:
            master.config_set("repl-diskless-sync-delay", 0)
            replica.config_set("masterauth", self._password)
            replica.replicaof("127.0.0.1", self._door(self.master.port))
            eventually(lambda: replica.info("replication")["master_link_status"] == "up")
        self._process = self._sentinel().start()
        with self._client() as sentinel:
            eventually(lambda: self._knows(sentinel))

    def _client(self) -> redis.Redis:
        """Of the Sentinel."""
        return redis.Redis(port=self._port, host="127.0.0.1", password=OWN)

    def _sentinel(self) -> Command:
        configuration = self._folder / "sentinel.conf"
        told = {"port": self._port, "folder": self._folder, "name": self.name, "own": OWN}
        told |= {"master": self._door(self.master.port), "password": f'"{self._password}"'}
        told |= {"patient": PATIENT}
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

    def lose_master(self) -> None:
        """It is killed, and the Sentinel makes the replica the master soon."""
        with self._client() as sentinel:
            sentinel.sentinel_set(self.name, "down-after-milliseconds", IMPATIENT)
        self.master.stop()

    def promoted(self) -> redis.Redis:
        """A client of what was the replica, as soon as it is the master."""
        client = self.replica.client(DATABASE)
        eventually(lambda: client.info("replication")["role"] == "master")
        return client

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(GENEROUS)
        self.replica.stop()
        self.master.stop()
        for tunnel in self.tunnels.values():
            tunnel.close()
