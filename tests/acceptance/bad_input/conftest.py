"""One replica as deployments start it, for every row: each shows that it left no trace."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from django.contrib.auth import get_user_model
from django.test import Client
from websockets.asyncio.client import connect

from conversations import keys
from conversations.models import Conversation
from devtools import readiness
from devtools.ports import free_port
from devtools.programs import UVICORN
from tests.conftest import environment_of_the_site
from tests.forks import Fork
from tests.waiting import GENEROUS


@dataclass
class Person:
    """Somebody with a session, a key and a conversation."""

    cookie: str
    key: str
    conversation: Conversation


@dataclass
class Replica:
    """The process under test, seen from outside."""

    process: Fork
    port: int
    log: Path
    looked: int = 0  # characters of the log that were looked at

    def tab(self, person, *, headers=(), **options):
        """A browser's socket of this person's conversation."""
        return connect(
            f"ws://127.0.0.1:{self.port}/ws/conversations/{person.conversation.pk}/",
            **{"origin": f"http://127.0.0.1:{self.port}", "compression": None, **options},
            open_timeout=GENEROUS,
            additional_headers={"Cookie": f"sessionid={person.cookie}", **dict(headers)},
        )

    def program(self, person):
        """The API's socket."""
        return connect(
            f"ws://127.0.0.1:{self.port}/v1/responses",
            additional_headers={"Authorization": f"Bearer {person.key}"},
            compression=None,
            open_timeout=GENEROUS,
        )

    def said(self, request):
        """The first bytes of the answer to raw bytes; nothing if the connection is just closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=GENEROUS) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            try:
                return connection.recv(65_536)
            except ConnectionResetError:
                return b""

    def faults(self):
        """Whole lines of the log since the last look that tell of an error, tracebacks among them."""
        text = "".join(self.log.read_text().rpartition("\n")[:2])
        new, self.looked = text[self.looked :], len(text)
        return [line for line in new.splitlines() if is_fault(line)]


def is_fault(line):
    """What is no JSON was printed past the log, as tracebacks are."""
    try:
        entry = json.loads(line)
    except ValueError:
        return True
    return entry["level"] in {"error", "critical"} or "exception" in entry


def person(name):
    owner = get_user_model().objects.create_user(name)
    client = Client()
    client.force_login(owner)
    conversation = Conversation.objects.create(owner=owner, agent="demo")
    _, key = keys.make(owner.pk, name="tests")
    return Person(client.cookies["sessionid"].value, key, conversation)


@pytest.fixture(scope="module")
def database(django_db_setup, django_db_blocker):
    """Rows that last for all tests of a file, and are gone after it."""
    with django_db_blocker.unblock():
        yield
        get_user_model().objects.all().delete()


@pytest.fixture(scope="module")
def ada(database):
    return person("ada")


@pytest.fixture(scope="module")
def eve(database):
    return person("eve")


@pytest.fixture(scope="module")
def running(database, tmp_path_factory):
    port = free_port()
    environment = environment_of_the_site() | {"ALLOWED_ORIGINS": f"http://127.0.0.1:{port}"}
    path = tmp_path_factory.mktemp("replica") / "log"
    process = Fork([*UVICORN.split(), "--port", str(port)], environment, path)
    try:
        readiness.wait("replica", lambda: readiness.replicas([port]), meanwhile=lambda: None)
        yield Replica(process, port, path)
    finally:
        process.kill()
        process.wait(GENEROUS)


@pytest_asyncio.fixture
async def replica(running, eve):
    """While a row is tried, somebody else's tab is served as ever; afterwards the log is clean."""
    async with subscribed(running, eve) as bystander:
        yield running
        await pong(bystander)
    assert running.process.poll() is None
    assert running.faults() == []


@asynccontextmanager
async def subscribed(replica, person):
    async with replica.tab(person) as tab:
        await tab.send('{"type": "subscribe", "cursor": null}')
        assert (await answer(tab))["type"] == "agentsite:snapshot"
        yield tab


async def answer(tab):
    async with asyncio.timeout(GENEROUS):
        return json.loads(await tab.recv())


async def pong(tab):
    """The socket is open and serves."""
    await tab.send('{"type": "ping"}')
    while (await answer(tab))["type"] != "agentsite:pong":
        pass
