"""A real uvicorn process, as deployments start it."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from websockets.asyncio.client import connect

from conversations.models import Conversation
from devtools import readiness
from devtools.ports import free_port
from devtools.programs import UVICORN
from tests.forks import Fork
from tests.integration.conftest import worker_row  # noqa: F401 - a fixture
from tests.waiting import GENEROUS


@dataclass
class Replica:
    """One replica, and the way to it for a person who is logged in."""

    process: Fork
    port: int
    conversation: Conversation
    cookie: str
    log: Path

    def connect(self, **headers):
        return connect(
            f"ws://127.0.0.1:{self.port}/ws/conversations/{self.conversation.pk}/",
            origin=f"http://127.0.0.1:{self.port}",
            additional_headers={"Cookie": f"sessionid={self.cookie}", **headers},
            compression=None,
            open_timeout=GENEROUS,
        )

    @property
    def memory(self):
        """Megabytes that the process holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


@pytest.fixture
def replica(site_environment, tmp_path):
    owner = get_user_model().objects.create_user("ada")
    client = Client()
    client.force_login(owner)
    conversation = Conversation.objects.create(owner=owner, agent="demo")
    port = free_port()
    environment = site_environment | {"ALLOWED_ORIGINS": f"http://127.0.0.1:{port}"}
    path = tmp_path / "replica.log"
    process = Fork([*UVICORN.split(), "--port", str(port)], environment, path)
    try:
        readiness.wait("replica", lambda: readiness.replicas([port]), meanwhile=lambda: None)
        yield Replica(process, port, conversation, client.cookies["sessionid"].value, path)
    finally:
        process.kill()
        process.wait(GENEROUS)
