"""The API's replica and crew, and an agent whose conversations are with their clients."""

import pytest

from conversations import errands
from tests.integration.api.conftest import (
    asked,
    clients,
    crew,
    key,
    patience,
    program,
    provider,
    replica,
)
from tests.waiting import GENEROUS

__all__ = ["asked", "clients", "crew", "key", "patience", "program", "provider", "replica"]
WHO = "My name is Ada. [[echo]]"


def text(answer) -> str:
    assert answer.status_code == 200, answer.text
    return answer.json()["output"][-1]["content"][0]["text"].removesuffix("[[echo]] ").strip()


@pytest.fixture(autouse=True)
def carried(asked, settings):
    agent = settings.AGENTS["demo"]
    settings.AGENTS = {"demo": agent, "carried": {**agent, "store": "sealed"}}


@pytest.fixture(autouse=True)
def alive(monkeypatch):
    """A machine that stands still for a while is no dead worker."""
    monkeypatch.setattr(errands, "SILENCE", GENEROUS)


@pytest.fixture
def say(program, crew):
    """Send a message, with the state that it follows on from."""

    async def send(message, state=None, **more):
        body = {"message": message, **({"state": state} if state else {}), **more}
        return await program.post("/v1/agentsite/chat", json=body)

    return send
