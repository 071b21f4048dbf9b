"""No URL of a tool leads to a private address: by number, by name, by redirect, by a second look."""

import asyncio
import gzip
import socket
from contextlib import asynccontextmanager
from ipaddress import ip_address

import httpx2
import pytest

from tests.waiting import GENEROUS
from workers.agents import addresses

PRIVATE = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "192.0.0.192",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::10.0.0.1",
    "64:ff9b:1::7f00:1",
    "64:ff9b:1:a00:0:100:808:808",  # holds 10.0.0.1, and 8.8.8.8 at the end
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]


@asynccontextmanager
async def answering(answer=b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"):
    """A server on this machine; gives its port and the heads that it was sent."""
    heads = []

    async def serve(reader, writer):
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], heads


@pytest.fixture
def names(monkeypatch):
    """What names stand for: a list for each look, the last one for all that follow."""
    known, looks = {}, []

    def look_up(host, port, *args, **kwargs):
        looks.append(host)
        answers = known.get(host, [[host]])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    known["looks"] = looks
    return known


async def get(url):
    async with addresses.client(connect=GENEROUS, timeout=GENEROUS) as client:
        return await client.get(url)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused_whatever_they_are_wrapped_in(address, settings):
    settings.TOOL_NETWORKS = []
    assert not addresses.is_permitted(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address, settings):
    settings.TOOL_NETWORKS = []
    assert addresses.is_permitted(ip_address(address))


def test_a_network_that_is_named_is_permitted_and_its_neighbour_is_not(settings):
    settings.TOOL_NETWORKS = ["10.1.0.0/16"]
    assert addresses.is_permitted(ip_address("10.1.2.3"))
    assert addresses.is_permitted(ip_address("::ffff:10.1.2.3"))
    assert not addresses.is_permitted(ip_address("10.2.0.1"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f000001"])
async def test_nothing_is_sent_to_this_machine(host, settings):
    settings.TOOL_NETWORKS = []
    async with answering() as (port, heads):
        with pytest.raises(httpx2.ConnectError):
            await get(f"http://{host}:{port}/")
    assert heads == []


async def test_a_name_with_one_private_address_is_refused_altogether(names, settings):
    settings.TOOL_NETWORKS = ["127.0.0.0/8"]
    names["shop.test"] = [["127.0.0.1", "10.0.0.1"]]
    with pytest.raises(addresses.Forbidden):
        await get("http://shop.test/")


async def test_a_name_that_changes_after_the_look_gains_nothing(names, settings):
    """One look for each request, and the connection goes where that look said."""
    settings.TOOL_NETWORKS = ["127.0.0.0/8"]
    names["shop.test"] = [["127.0.0.1"], ["10.0.0.1"]]
    async with answering() as (port, heads):
        assert (await get(f"http://shop.test:{port}/")).text == "hi"
        with pytest.raises(addresses.Forbidden):
            await get(f"http://shop.test:{port}/")
    assert names["looks"].count("shop.test") == 2
    assert [f"host: shop.test:{port}" in head.lower() for head in heads] == [True]


async def test_a_redirect_is_not_followed(settings):
    settings.TOOL_NETWORKS = ["127.0.0.0/8"]
    moved = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
    async with answering(moved) as (port, heads):
        assert (await get(f"http://127.0.0.1:{port}/")).status_code == 302
    assert len(heads) == 1


@pytest.mark.parametrize("size", [addresses.LONGEST, addresses.LONGEST + 1])
async def test_an_answer_is_read_so_far_and_no_further(settings, size):
    settings.TOOL_NETWORKS = ["127.0.0.0/8"]
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * size) as (port, heads):
        reading = get(f"http://127.0.0.1:{port}/")
        if size > addresses.LONGEST:
            with pytest.raises(httpx2.ReadError):
                await reading
        else:
            assert len((await reading).content) == size
    assert "accept-encoding: identity" in heads[0].lower()


async def test_a_packed_answer_is_not_unpacked(settings):
    settings.TOOL_NETWORKS = ["127.0.0.0/8"]
    packed = gzip.compress(b"x" * 10_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
    async with answering(head + packed) as (port, _heads):
        with pytest.raises(httpx2.DecodingError):
            await get(f"http://127.0.0.1:{port}/")


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch, settings):
    settings.TOOL_NETWORKS = ["127.0.0.0/8"]
    async with answering() as (port, _heads):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        assert (await get(f"http://127.0.0.1:{port}/")).text == "hi"


async def test_where_one_of_several_replicas_is_down_another_answers(names, settings):
    settings.TOOL_NETWORKS = ["127.0.0.0/8"]
    async with answering() as (port, _):
        for _ in range(4):  # in any order
            names["shop.test"] = [["127.0.0.1", "127.0.0.9"]]
            assert (await get(f"http://shop.test:{port}/")).text == "hi"
