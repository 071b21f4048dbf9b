"""Where a tool's URL may lead: never to a private address, unless the settings name its network.

A name is looked up once for each request, every address that it has is judged, and the connection
goes to one of those that were judged: a name that changes between the look and the connection
(DNS rebinding) gains nothing. Redirects are not followed, and no proxy of the environment is asked.
What a server answers is read as far as `LONGEST`, and never unpacked: few bytes can hold very many.
"""

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

import httpx2
from django.conf import settings

from workers.agents.trust import certificates

Address = IPv4Address | IPv6Address
# Public addresses all the same, behind which clouds keep what is theirs alone; and those of a
# network's own NAT64, of which only that network knows where they hold an IPv4 (RFC 6052, 8215).
RESERVED = tuple(map(ip_network, ("168.63.129.16/32", "192.0.0.0/24", "64:ff9b:1::/48")))
NAT64 = ip_network("64:ff9b::/96")  # hold an IPv4 at the end
LOW32 = 0xFFFF_FFFF
LONGEST = 16 * 2**20  # bytes of an answer
PLAIN = "identity"


class Forbidden(httpx2.ConnectError):
    """The address of a tool is private, and settings.TOOL_NETWORKS does not name its network."""


class Bounded(httpx2.AsyncByteStream):
    """The body of an answer, as far as it is read."""

    def __init__(self, body: Any) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = LONGEST
        async for piece in self._body:
            left -= len(piece)
            if left < 0:
                raise httpx2.ReadError(f"The answer has more than {LONGEST} bytes.")
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()


class Guarded(httpx2.AsyncHTTPTransport):
    """Connects to the address that was judged, under the name that was asked for."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._answer(request)
        if response.headers.get("content-encoding", PLAIN) != PLAIN:
            await response.aclose()
            raise httpx2.DecodingError("The answer is packed, which nobody asked for.")
        response.stream = Bounded(response.stream)
        return response

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        """Of several addresses the next is tried where one does not answer."""
        host, port = request.url.host, request.url.port or default_port(request.url.scheme)
        *others, last = await permitted(host, port)
        for address in others:
            try:
                return await super().handle_async_request(pinned(request, address))
            except httpx2.ConnectError:
                continue
        return await super().handle_async_request(pinned(request, last))


def client(
    *, connect: float, timeout: float, headers: dict[str, str] | None = None
) -> httpx2.AsyncClient:
    """A client for tools; times are in seconds."""
    return httpx2.AsyncClient(
        transport=Guarded(verify=certificates()),
        headers={"accept-encoding": PLAIN} | (headers or {}),
        timeout=httpx2.Timeout(timeout, connect=connect),
        follow_redirects=False,
        trust_env=False,
    )


def default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def pinned(request: httpx2.Request, address: Address) -> httpx2.Request:
    """The same request to an address: `Host` is set already, TLS asks for the name."""
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


async def permitted(host: str, port: int) -> Sequence[Address]:
    """The addresses of a name, in any order. Raises `Forbidden` if one of them may not be reached."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx2.ConnectError(f"{host} has no address") from error
    addresses = list({ip_address(str(entry[4][0]).partition("%")[0]) for entry in found})
    if not all(map(is_permitted, addresses)):
        raise Forbidden("The address of this tool is private.")
    random.shuffle(addresses)
    return addresses


def is_permitted(address: Address) -> bool:
    """Whether the address is public, whatever it is wrapped in, or in a network that is named."""
    inner = unwrapped(address)
    if any(inner in network for network in allowed()):
        return True
    reserved = any(inner in network for network in RESERVED)
    return inner.is_global and not inner.is_multicast and not reserved


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & LOW32)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, address))[1]


def allowed() -> list[IPv4Network | IPv6Network]:
    return [ip_network(network) for network in settings.TOOL_NETWORKS]
