"""Where transcripts live: one interface (`base`), one module per place, chosen by the settings."""

from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

from conversations.stores.base import Store


def store(name: str) -> Store:
    """The store of this name in settings.STORES."""
    return _made(settings.STORES[name])


def store_for(agent: str) -> Store:
    """The store of an agent's conversations; an agent that left the settings has the default."""
    return store(name_for(agent))


def name_for(agent: str) -> str:
    """Its name, which the settings may have wrong."""
    name: str = settings.AGENTS.get(agent, {}).get("store") or settings.STORE_DEFAULT
    return name


def is_carried(agent: str) -> bool:
    """Whether the clients of this agent carry its conversations, so that none is begun here."""
    known = agent in settings.AGENTS and name_for(agent) in settings.STORES
    return known and store_for(agent).is_carried


@cache
def _made(path: str) -> Store:
    made: Store = import_string(path)()
    return made
