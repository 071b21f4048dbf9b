"""A Redis Cluster of three masters: real servers of a test's own."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.cluster import key_slot

from devtools.ports import free_port
from tests.integration.redis_server import RedisServer
from tests.waiting import GENEROUS, eventually

PASSWORD = "secret-word"
SLOTS = 16_384
SHARE = 5_462  # slots of a master; the last has two less
# Nobody takes over from who is away, and the others go on without.
CONFIGURATION = ("cluster-enabled yes", "cluster-require-full-coverage no")


class Clustered:
    """Its address names the first two masters, which know of the third."""

    def __init__(self, folder: Path) -> None:
        self._buses = [free_port() for _ in range(3)]
        self.masters = [
            RedisServer(folder / f"{bus}", PASSWORD, more=[*CONFIGURATION, f"cluster-port {bus}"])
            for bus in self._buses
        ]
        first, second, _ = (master.port for master in self.masters)
        self.url = f"redis+cluster://:{PASSWORD}@127.0.0.1:{first},127.0.0.1:{second}"

    def start(self) -> None:
        for master in self.masters:
            master.start()
        with self.clients() as clients:
            for number, client in enumerate(clients):
                first = number * SHARE
                client.cluster("addslotsrange", first, min(first + SHARE, SLOTS) - 1)
                client.cluster("set-config-epoch", number + 1)
            for client in clients:
                self.meet(client)
        self.await_whole()

    def meet(self, client: redis.Redis) -> None:
        """Make a node and every master known to each other."""
        for master, bus in zip(self.masters, self._buses, strict=True):
            client.cluster("meet", "127.0.0.1", master.port, bus)

    def mend(self) -> None:
        """Start again who was stopped: empty, but with the slots that he had."""
        for master in self.masters:
            if not master.is_running:
                master.start()
        self.await_whole()

    def await_whole(self) -> None:
        """Until every master knows all others, and takes writes."""
        wanted = {"cluster_state": "ok", "cluster_slots_ok": f"{SLOTS}", "cluster_size": "3"}
        with self.clients() as clients:
            eventually(lambda: all(wanted.items() <= info(client).items() for client in clients))

    @contextmanager
    def clients(self) -> Iterator[list[redis.Redis]]:
        """One of each master."""
        with ExitStack() as stack:
            yield [stack.enter_context(master.client()) for master in self.masters]

    def owner(self, key: str) -> RedisServer:
        """The master that has the slot of a key, where none was moved."""
        return self.masters[key_slot(key.encode()) // SHARE]

    @contextmanager
    def moving(self, key: str) -> Iterator[None]:
        """While the block runs the key is on its way to the next master; then it has its slot."""
        slot = key_slot(key.encode())
        with self.clients() as clients:
            number = slot // SHARE
            source, target = clients[number], clients[(number + 1) % 3]
            ids = [client.cluster("myid").decode() for client in (source, target)]
            target.cluster("setslot", slot, "importing", ids[0])
            source.cluster("setslot", slot, "migrating", ids[1])
            port = self.masters[(number + 1) % 3].port
            source.migrate("127.0.0.1", port, key, 0, GENEROUS * 1000, auth=PASSWORD)
            yield
            for client in (target, source, *clients):
                client.cluster("setslot", slot, "node", ids[1])

    def flush(self) -> None:
        """Of what it holds, and of the scripts that it knows."""
        with self.clients() as clients:
            for client in clients:
                client.flushall()
                client.script_flush()

    def stop(self) -> None:
        for master in self.masters:
            master.stop()


def info(client: redis.Redis) -> Mapping[str, Any]:
    """What a master knows of the cluster."""
    return client.cluster("info")
