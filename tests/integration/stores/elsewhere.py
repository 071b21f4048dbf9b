"""Servers that really speak DynamoDB's and MongoDB's protocols, for the time of a run."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.ports import free_port
from tests.waiting import eventually

MADE = {
    "dynamodb": "conversations.stores.dynamo.DynamoStore",
    "mongodb": "conversations.stores.mongo.MongoStore",
}
# A process of its own: the tests' own hears nothing of its threads, and loads nothing of it.
MONGODB = """
import sys
from secantus import SecantusDBServer
with SecantusDBServer(storage_path=sys.argv[1], port=int(sys.argv[2])):
    print("ready", flush=True)
    sys.stdin.read()
"""


@contextmanager
def mongodb() -> Iterator[str]:
    """Its address."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="agentsite-mongodb-") as folder:
        command = [sys.executable, "-c", MONGODB, str(Path(folder) / "data"), str(port)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(command, **pipes, stderr=subprocess.DEVNULL) as server:
            assert server.stdout.readline() == b"ready\n"
            yield f"mongodb://127.0.0.1:{port}/agentsite"
            server.stdin.close()
            server.terminate()


@contextmanager
def dynamodb() -> Iterator[str]:
    """Its address."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    # not into a pipe: it logs each request, and once a pipe that nobody reads is full it waits
    with tempfile.NamedTemporaryFile() as log:
        output = {"stderr": log, "stdout": subprocess.DEVNULL}
        with subprocess.Popen(command, **output) as server:
            eventually(lambda: b"Running on" in Path(log.name).read_bytes())
            yield f"http://127.0.0.1:{port}"
            server.terminate()


def make_table(table) -> None:
    """As docs/choosing.md has it made."""
    keys = [("conversation", "HASH", "S"), ("number", "RANGE", "N")]
    table.meta.client.create_table(
        TableName=table.name,
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind, _ in keys],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": kind} for name, _, kind in keys
        ],
        BillingMode="PAY_PER_REQUEST",
    )
