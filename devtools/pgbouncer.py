"""A PgBouncer of our own in front of a PostgreSQL, pooling transactions; for tests only."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from devtools import debian, postgresql
from devtools.children import Account, Command

# `auth_type = any` leaves it to the server who comes in; nobody but us reaches its port.
CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {connections}
ignore_startup_parameters = options
"""


@dataclass(frozen=True)
class PgBouncer:
    """One pooler of all databases of the server at `server_url`."""

    home: Path
    port: int
    log: Path
    server_url: str
    connections: int = 20  # to the server, for any number of clients

    @property
    def url(self) -> str:
        """The database of `server_url`, through the pooler."""
        server = urlsplit(self.server_url)
        return f"postgresql://{server.username}@127.0.0.1:{self.port}{server.path}"

    @property
    def account(self) -> Account | None:
        """Like PostgreSQL it refuses to run as root."""
        return postgresql.account() if os.geteuid() == 0 else None

    def command(self) -> Command:
        """The pooler in the foreground."""
        configuration = self.home / "pgbouncer.ini"
        configuration.touch(mode=0o600)
        configuration.write_text(self.configuration(), encoding="utf-8")
        if self.account:
            os.chown(configuration, self.account.uid, self.account.gid)
        return Command(
            name="pgbouncer",
            argv=(str(debian.ensure("pgbouncer")), str(configuration)),
            log=self.log,
            account=self.account,
            port=self.port,
        )

    def configuration(self) -> str:
        server = urlsplit(self.server_url)
        words = {"host": server.hostname, "port": server.port, "user": server.username}
        if server.password:
            words["password"] = f"'{server.password}'"
        said = " ".join(f"{word}={value}" for word, value in words.items())
        return CONFIGURATION.format(server=said, port=self.port, connections=self.connections)
