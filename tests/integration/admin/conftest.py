"""Who looks at the admin, and what it cost the database."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from conversations.models import Conversation
from tests.integration.admin.rows import person

VIEW = [f"view_{model}" for model in ("conversation", "turn", "message", "toolcall")]


@pytest.fixture
def owner(db):
    return person("ada")


@pytest.fixture
def conversation(owner) -> Conversation:
    return Conversation.objects.create(owner=owner, agent="demo", title="Engines")


@pytest.fixture
def viewer(db) -> Client:
    """Staff who may look."""
    return entered(person("vera", *VIEW, "view_workerprocess", is_staff=True))


@pytest.fixture
def operator(db) -> Client:
    """Staff who may act as well."""
    verbs = ["change_conversation", "change_turn"]
    return entered(person("oskar", *VIEW, *verbs, is_staff=True))


def entered(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text(page) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]*>", " ", page.content.decode()).split())


class Cost:
    """The queries of a stretch of code."""

    def __init__(self, captured: CaptureQueriesContext) -> None:
        self.captured = captured

    def __len__(self) -> int:
        return len(self.captured)

    def selects(self) -> list[str]:
        """Those that read our tables."""
        queries = [query["sql"].strip() for query in self.captured.captured_queries]
        reads = ("SELECT", "WITH")
        return [sql for sql in queries if sql.startswith(reads) and "conversations_" in sql]

    def plans(self) -> str:
        """How PostgreSQL runs them, with what it read."""
        with connection.cursor() as cursor:
            return "\n".join(explained(cursor, sql) for sql in self.selects())

    def assert_cheap(self) -> None:
        """Nothing was counted, no table read through, hardly a row read in vain."""
        plans = self.plans()
        in_vain = re.findall(r"Rows Removed by Filter: (\d+)", plans)
        assert "COUNT(" not in "".join(self.selects())
        assert not re.search(r"Seq Scan on conversations_(turn|message)", plans), plans
        assert sum(map(int, in_vain)) < 100, plans


def explained(cursor, sql: str) -> str:
    cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {sql}")
    return "\n".join(line for (line,) in cursor.fetchall())


@pytest.fixture
def cost() -> Iterator:
    @contextmanager
    def measured():
        with CaptureQueriesContext(connection) as captured:
            yield Cost(captured)

    return measured
