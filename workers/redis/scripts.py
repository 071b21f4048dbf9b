"""Lua scripts by the name under which a server knows those that it has run before."""

from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from typing import Any

from redis.exceptions import NoScriptError


@cache
def digest(script: str) -> str:
    """That name."""
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


class Script:
    """A Cluster's script: the node of its keys learns it; redis-py tells all, and one may be away."""

    def __init__(self, client: Any, text: str) -> None:
        self._client, self._text = client, text
        self._name = digest(text)

    def __call__(self, keys: Sequence[Any] = (), args: Sequence[Any] = ()) -> Any:
        try:
            return self._client.evalsha(self._name, len(keys), *keys, *args)
        except NoScriptError:
            return self._client.eval(self._text, len(keys), *keys, *args)


class LoopScript(Script):
    """The same for an event loop."""

    async def __call__(self, keys: Sequence[Any] = (), args: Sequence[Any] = ()) -> Any:
        try:
            return await self._client.evalsha(self._name, len(keys), *keys, *args)
        except NoScriptError:
            return await self._client.eval(self._text, len(keys), *keys, *args)
