"""A Redis of a test's own, which it may stop, freeze and start again on the same port."""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import redis

from devtools.ports import free_port
from devtools.redis import Redis
from tests.patience import STALL
from tests.waiting import GENEROUS


class RedisServer:
    """Keeps nothing on disk, so it comes back empty."""

    def __init__(self, folder: Path, password: str = "", *, more: Sequence[str] = ()) -> None:
        folder.mkdir(exist_ok=True)
        told = {"password": password} if password else {}
        self._server = Redis(folder / "redis", free_port(), folder / "redis.log", more=more, **told)
        self._process: subprocess.Popen | None = None
        self.url = self._server.url
        self.port = self._server.port
        self.binary = self._server.binary

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def client(self, database: int = 0) -> redis.Redis:
        known = {"password": self._server.password, "socket_timeout": STALL}
        return redis.Redis(port=self.port, db=database, **known)

    def start(self) -> None:
        self._process = self._server.command().start()
        self._server.await_ready(meanwhile=lambda: None)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(GENEROUS)
            self._process = None

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)
