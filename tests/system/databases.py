"""Sites whose PostgreSQL is their own, so that it may crash, or is behind a pooler."""

import os
import signal
import time
from contextlib import suppress
from urllib.parse import urlsplit

import psycopg
from django.conf import settings

from devtools import readiness
from devtools.pgbouncer import PgBouncer
from devtools.ports import free_port
from devtools.postgresql import PostgreSQL
from tests.system.site import Site

REFUSED = 3  # seconds
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
LIMITS = ("lock_timeout = '2s'", "idle_in_transaction_session_timeout = '2s'")


class OwnDatabase(Site):
    """A site with a PostgreSQL of its own, in a folder that PostgreSQL's account can reach."""

    def make_database(self) -> str:
        log = self.folder / "postgresql.log"
        self.postgresql = PostgreSQL(self.folder / "postgresql", free_port(), log, durable=False)
        self.postgresql.create()
        self.start(self.postgresql.command())
        self.postgresql.await_ready(meanwhile=self.look)
        return self.postgresql.url

    def restart_postgresql(self) -> None:
        """An immediate stop, as in a crash, and a start."""
        self.kill("postgresql", signal.SIGQUIT)
        self.start_again("postgresql")
        self.postgresql.await_ready(meanwhile=self.look)

    def take_postgresql_away(self) -> None:
        """For longer than a lease: nobody can renew it, and who comes back first finds it over."""
        self.kill("postgresql", signal.SIGQUIT)
        time.sleep(settings.WORKER_LEASE + 1)  # time itself is the fault
        self.start_again("postgresql")
        self.postgresql.await_ready(meanwhile=self.look)

    def refuse_connections(self) -> None:
        """All of them are cut and no new one is let in, as where too many are open."""
        name = urlsplit(self.database_url).path.removeprefix("/")
        elsewhere = urlsplit(self.database_url)._replace(path="/template1").geturl()
        with psycopg.connect(elsewhere, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            connection.execute(CUT, [name])
            time.sleep(REFUSED)  # time itself is the fault
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    def kill_backend(self) -> None:
        """Kill the process behind one connection: PostgreSQL then restarts all of them."""
        with suppress(psycopg.OperationalError), psycopg.connect(self.database_url) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            connection.execute("SELECT pg_sleep(60)")
        self.postgresql.await_ready(meanwhile=self.look)


class Pooled(Site):
    """A site behind PgBouncer, set up as docs/deploy.md says; presence has a direct connection."""

    def make_servers(self) -> dict[str, str]:
        environment = super().make_servers()
        self.set_limits()
        self.pooler = self.start_pooler()
        return environment | {
            "DATABASE_URL": self.pooler.url,
            "DATABASE_DIRECT_URL": self.database_url,
            "DATABASE_POOL_SIZE": "0",
        }

    def set_limits(self) -> None:
        """Of this database: the tests' other ones have the same role."""
        name = urlsplit(self.database_url).path.removeprefix("/")
        with psycopg.connect(self.database_url) as connection:
            for limit in LIMITS:
                connection.execute(f'ALTER DATABASE "{name}" SET {limit}')

    def start_pooler(self) -> PgBouncer:
        log = self.folder / "pgbouncer.log"
        pooler = PgBouncer(self.folder, free_port(), log, self.database_url)
        self.start(pooler.command())
        is_ready = lambda: answers(pooler.url)  # noqa: E731
        readiness.wait("pgbouncer", is_ready, meanwhile=self.look)
        return pooler


class LeaseOnly(Pooled):
    """Behind PgBouncer without a way past it."""

    def make_servers(self) -> dict[str, str]:
        environment = super().make_servers()
        pooled = environment["DATABASE_URL"]
        return environment | {"DATABASE_DIRECT_URL": pooled, "WORKER_PRESENCE_LOCKS": "0"}


def answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
