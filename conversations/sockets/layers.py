"""The Channels layer: channels_redis' pub/sub with a bounded queue a socket.

A lossy hint: after a restart of Redis it subscribes again by itself and says nothing of what was
missed meanwhile. Whoever must not miss anything reads the turn's log.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from channels_redis.core import BoundedQueue
from channels_redis.pubsub import (
    RedisPubSubChannelLayer,
    RedisPubSubLoopLayer,
    RedisSingleShardConnection,
)
from channels_redis.utils import _wrap_close
from redis.asyncio import Redis

from workers.redis import addresses, connections, sentinels
from workers.redis.addresses import Sentinels

WAITING = 64  # messages that a socket may lag behind; then the oldest go, and it reads the log


class MasterShard(RedisSingleShardConnection):  # type: ignore[misc]  # untyped
    """The server that Sentinels call the master; closes the connections to them, too."""

    def _ensure_redis(self) -> None:
        if self._redis is None:  # type: ignore[has-type]
            client = Redis.from_pool(sentinels.MasterPool(**self.host))
            self._redis, self._pubsub = client, client.pubsub()


class BoundedLoopLayer(RedisPubSubLoopLayer):  # type: ignore[misc]  # untyped
    """The layer of one event loop."""

    def __init__(self, hosts: Sequence[dict[str, Any]], **config: Any) -> None:
        super().__init__(hosts=hosts, **config)
        kinds = [MasterShard if "found" in host else RedisSingleShardConnection for host in hosts]
        self._shards = [kind(host, self) for kind, host in zip(kinds, hosts, strict=True)]

    async def _subscribe_to_channel(self, channel: str) -> None:
        self.channels[channel] = BoundedQueue(WAITING)
        try:
            await self._get_shard(channel).subscribe(channel)
        except BaseException:  # whoever asked is told no name to let go
            del self.channels[channel]
            raise

    async def leave(self, channel: str, groups: Iterable[str]) -> None:
        """Let a socket's queue and its places in groups go; here at once, whatever Redis does.

        `receive` lets the queue go only if it is cancelled while it waits. Raises as Redis does.
        """
        names = [self._get_group_channel_name(group) for group in groups]
        self.channels.pop(channel, None)
        for name in names:
            self._quit(name, channel)
        for name in (channel, *names):
            if name not in self.groups:  # somebody may have joined meanwhile
                await self._get_shard(name).unsubscribe(name)

    def _quit(self, name: str, channel: str) -> None:
        """A group without members is none."""
        members = self.groups.get(name, set())
        members.discard(channel)
        if not members:
            self.groups.pop(name, None)


class BoundedPubSubLayer(RedisPubSubChannelLayer):  # type: ignore[misc]  # untyped
    """Drops what a stalled client does not fetch: the turn's log has it."""

    def __init__(self, *, hosts: Sequence[str], **config: Any) -> None:
        super().__init__(hosts=[_host(url) for url in hosts], **config)

    def _get_layer(self) -> Any:
        loop = asyncio.get_running_loop()
        if loop not in self._layers:
            self._layers[loop] = BoundedLoopLayer(*self._args, **self._kwargs, channel_layer=self)
            _wrap_close(self, loop)
        return self._layers[loop]


def _host(url: str) -> dict[str, Any]:
    """A server's address and how to connect to it, as channels_redis wants them."""
    if url.startswith("unix:"):
        return {"address": url}
    kept = {"socket_keepalive_options": connections.keepalive()}
    if isinstance(found := addresses.read(url), Sentinels):
        return {"found": found} | kept
    return {"address": url} | kept
