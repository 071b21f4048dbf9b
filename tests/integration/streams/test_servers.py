"""Several servers share role `live`: a conversation's group and its turns' logs are on one of them."""

import asyncio
from uuid import uuid4

import pytest
from channels.layers import get_channel_layer

from conversations import streams
from conversations.sockets.layers import BoundedPubSubLayer
from conversations.streams import groups
from tests.integration.redis_server import RedisServer
from tests.integration.streams.frames import opened_message
from tests.waiting import GENEROUS
from workers.redis import connections


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    both = [RedisServer(tmp_path_factory.mktemp(f"redis{number}")) for number in range(2)]
    for server in both:
        server.start()
    yield [server.url for server in both]
    for server in both:
        server.stop()


@pytest.fixture
def shared(servers, settings, layer_on):
    settings.REDIS_LIVE_URL = ", ".join(servers)
    layer_on(servers)
    return servers


def test_the_door_chooses_the_server_that_the_channel_layer_chooses(shared):
    loop = asyncio.new_event_loop()
    layer = loop.run_until_complete(made(shared))
    chosen = {}
    for conversation in (uuid4() for _ in range(50)):
        channel = groups.channel(conversation)
        shard = layer._get_shard(channel)
        chosen.setdefault(connections.server_of(channel), set()).add(id(shard))
    assert sorted(chosen) == sorted(shared)  # both are used
    assert all(len(shards) == 1 for shards in chosen.values())
    loop.close()


async def made(servers):
    return BoundedPubSubLayer(hosts=servers, prefix="agentsite")._get_layer()


@pytest.mark.parametrize("turn", range(4))  # their conversations are anywhere
async def test_a_frame_reaches_the_group_and_the_log_on_any_server(shared, writer, turn):
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(streams.group(writer.facts.conversation_id), channel)
    opened = await streams.open_log(writer)
    await streams.append(writer, opened_message(opened.next))
    heard = await asyncio.wait_for(layer.receive(channel), GENEROUS)
    assert heard["turn"] == writer.facts.id.hex
    assert (await streams.read(writer.facts)).entries[-1].number == opened.next
    await layer.flush()
