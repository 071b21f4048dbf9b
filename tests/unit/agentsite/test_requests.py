"""What is counted of each request and socket."""

import pytest

from agentsite.requests import Requests
from tests.counting import counted


async def socket(*, said: int = 0, heard: int = 0) -> None:
    """One that we close with a code, or its client."""

    async def site(scope, receive, send):
        await send({"type": "websocket.accept"})
        if said:
            await send({"type": "websocket.close", "code": said})
        else:
            await receive()

    async def receive():
        return {"type": "websocket.disconnect", "code": heard}

    async def send(message):
        pass

    scope = {"type": "websocket", "path": "/ws/", "headers": []}
    await Requests(site)(scope, receive, send)


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ({"said": 4401}, "4401"),
        ({"heard": 1001}, "1001"),
        ({"heard": 0}, "1006"),
        ({"heard": 4711}, "other"),
    ],
)
async def test_a_socket_is_counted_by_a_code_that_no_client_makes_up(codes, told):
    kind = {"kind": "websocket"}
    with (
        counted("agentsite_sockets_opened_total", **kind),
        counted("agentsite_sockets", by=0, **kind),
        counted("agentsite_sockets_closed_total", **kind, code=told),
    ):
        await socket(**codes)
