"""The ASGI application: HTTP to the API or to Django, websockets to the consumers."""

import os
from typing import Any
from urllib.parse import urlparse

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from channels.sessions import CookieMiddleware
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
site = get_asgi_application()  # sets Django up; what follows needs its models

from agentsite import lifespan  # noqa: E402
from agentsite.requests import Requests  # noqa: E402
from conversations.api import handler as api  # noqa: E402
from conversations.api.socket import ResponsesConsumer  # noqa: E402
from conversations.sockets.base import refuse  # noqa: E402
from conversations.urls import websocket_urlpatterns  # noqa: E402

PROGRAMS = "/v1/responses"  # the API's websocket
FOREIGN_ORIGIN, NOTHING_HERE = 4403, 4404  # close codes


class ExplicitOrigins(OriginValidator):
    """Channels' validator, except that a refused browser learns why and `*` opens nothing."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) == 1 and self.is_ours(origins[0].decode("latin1")):
            application: Any = self.application
            await application(scope, receive, send)
        else:
            await refuse(FOREIGN_ORIGIN)(scope, receive, send)

    def is_ours(self, origin: str) -> bool:
        try:
            return bool(self.valid_origin(urlparse(origin)))
        except ValueError:  # a port that is no number, half an IPv6 address
            return False


async def http(scope: Any, receive: Any, send: Any) -> None:
    """Programs come with keys and browsers with cookies, so neither passes the other's door."""
    answer: Any = api.application if scope["path"].startswith(api.PREFIX) else site
    await answer(scope, receive, send)


async def websocket(scope: Any, receive: Any, send: Any) -> None:
    """As for HTTP; a key needs no Origin, for no page of another site knows one."""
    answer: Any = programs if scope["path"] == PROGRAMS else browsers
    await answer(scope, receive, send)


patterns: list[Any] = [*websocket_urlpatterns, re_path("", refuse(NOTHING_HERE))]
origins = [origin for origin in settings.ALLOWED_ORIGINS if "://" in origin]
browsers = ExplicitOrigins(CookieMiddleware(URLRouter(patterns)), origins)
programs = ResponsesConsumer.as_asgi()
doors = {"http": http, "websocket": websocket, "lifespan": lifespan.application}
application = Requests(ProtocolTypeRouter(doors))
