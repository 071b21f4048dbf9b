"""How long a Redis is waited for: through a stall of the machine, or as by a site.

A site gives one up after a second or two and goes on without it. That would be no fault of a test
which only asks it something; a test whose Redis hangs asks for `site_timeouts`.
"""

from django.conf import settings

from conversations.showing import ear
from conversations.sockets import base
from workers import queues
from workers.fleet import sessions
from workers.redis import connections

STALL = 30  # seconds, longer than any lasts
PLACES = (
    (connections, "TIMEOUT"),
    (queues, "PATIENCE"),
    (base, "LAYER_TIMEOUT"),
    (ear, "LAYER_TIMEOUT"),
    (sessions, "CONNECT_TIMEOUT"),  # this one of PostgreSQL
)
OF_A_SITE = {place: getattr(*place) for place in PLACES}
CACHE_OF_A_SITE = {
    name: settings.CACHE_OPTIONS[name] for name in ("SOCKET_TIMEOUT", "SOCKET_CONNECT_TIMEOUT")
}


def outlast_stalls() -> None:
    """In this process, from now on."""
    for place in PLACES:
        setattr(*place, STALL)
    for options in (settings.CACHE_OPTIONS, settings.CACHES["default"]["OPTIONS"]):
        options.update(dict.fromkeys(CACHE_OF_A_SITE, STALL))
