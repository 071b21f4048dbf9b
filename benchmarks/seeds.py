"""The stores of the texts that this site grew from, as small as they can be: whole documents."""

import base64
import json
from collections.abc import Callable
from typing import Any

import psycopg
import redis

Messages = list[dict[str, str]]
TTL = 3600  # seconds
CAS = """
local current = redis.call('GET', KEYS[1])
local version = 0
if current then version = cjson.decode(current).version end
if version ~= tonumber(ARGV[1]) then return 0 end
redis.call('SETEX', KEYS[1], 3600, ARGV[2])
return 1
"""
TABLE = "CREATE TABLE IF NOT EXISTS seeds (session_id text PRIMARY KEY, messages json)"
SAVE = """
INSERT INTO seeds VALUES (%s, %s)
ON CONFLICT (session_id) DO UPDATE SET messages = excluded.messages
"""


class Seed:
    """One of their stores; `turn` is load, add two messages, save."""

    def __init__(self, database: str, memory: str) -> None:
        self._database = psycopg.connect(database, autocommit=True)
        self._database.execute(TABLE)
        self._redis = redis.Redis.from_url(memory)
        self._redis.delete("conv:seed")
        self._carried = ""
        self._version = 0

    def close(self) -> None:
        self._database.close()
        self._redis.close()

    def turn(self, design: str, asked: str, answered: str) -> None:
        messages = getattr(self, f"load_{design}")()
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
        self.save(design, messages)

    def save(self, design: str, messages: Messages) -> None:
        deed: Callable[[Messages], Any] = getattr(self, f"save_{design}")
        deed(messages)

    def load_redis(self) -> Messages:
        found: Any = self._redis.get("conv:seed")
        return list(json.loads(found)["messages"])

    def save_redis(self, messages: Messages) -> None:
        self._redis.setex("conv:seed", TTL, json.dumps({"messages": messages, "metadata": {}}))

    def load_versioned(self) -> Messages:
        found: Any = self._redis.get("conv:seed")
        document = json.loads(found)
        self._version = document["version"]
        return list(document["messages"])

    def save_versioned(self, messages: Messages) -> None:
        data = json.dumps({"messages": messages, "version": self._version + 1})
        assert self._redis.eval(CAS, 1, "conv:seed", self._version, data)

    def load_database(self) -> Messages:
        row = self._database.execute("SELECT messages FROM seeds").fetchone()
        assert row is not None
        return list(row[0])

    def save_database(self, messages: Messages) -> None:
        self._database.execute(SAVE, ["seed", json.dumps(messages)])

    def load_hybrid(self) -> Messages:
        return self.load_redis()

    def save_hybrid(self, messages: Messages) -> None:
        self.save_redis(messages)
        self.save_database(messages)

    def load_sealed(self) -> Messages:
        return list(json.loads(base64.b64decode(self._carried)))

    def save_sealed(self, messages: Messages) -> None:
        self._carried = base64.b64encode(json.dumps(messages).encode()).decode()

    @property
    def carried(self) -> int:
        """Bytes that go to the client and back."""
        return len(self._carried)
