"""The OpenAI-compatible models that the settings name; any agent may use them.

AGENT_MODEL, AGENT_BASE_URL and AGENT_API_KEY are the only one, or AGENT_MODELS names several and
AGENT_ROUTES tells which is asked. Each keeps to PROVIDER_LIMITS.
"""

from functools import cached_property
from typing import Any

import httpx2
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
from openai.resources.chat import AsyncChat
from openai.resources.chat.completions import AsyncCompletions
from pydantic_ai import Agent
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from workers.agents.budgeted import Budgeted
from workers.agents.choices import Choice, Rule, server
from workers.agents.routes import Routed
from workers.agents.trust import certificates
from workers.ratelimit.terms import UNNAMED

# Some servers end a broken stream cleanly: without this a cut reply would count as a finished one.
PROFILE = OpenAIModelProfile(openai_chat_streaming_requires_finish_reason=True)


class Completions(AsyncCompletions):
    """Sends the messages as they are.

    The SDK walks every argument through its type annotations, six times the cost of all the rest
    of a turn with 2,000 messages; what comes in `extra_body` it sends untouched.
    """

    async def create(self, *, messages: Any, extra_body: Any = None, **rest: Any) -> Any:
        body = {**(extra_body or {}), "messages": messages}
        return await super().create(messages=[], extra_body=body, **rest)


class Chat(AsyncChat):
    """`client.chat` with our completions."""

    @cached_property
    def completions(self) -> Completions:
        return Completions(self._client)


class Client(AsyncOpenAI):
    """The SDK's client without its own retries: they would hide a Retry-After from everyone."""

    def __init__(self, *, base_url: str = "", api_key: str = "") -> None:
        timeout = httpx2.Timeout(connect=5, read=settings.AGENT_TIMEOUT, write=30, pool=30)
        super().__init__(
            base_url=base_url or None,
            api_key=api_key or "none",  # local servers need no key, the SDK insists on one
            max_retries=0,
            timeout=timeout,
            http_client=DefaultAsyncHttpx2Client(timeout=timeout, verify=certificates()),
        )

    @cached_property
    def chat(self) -> Chat:
        return Chat(self)


def openai_compatible(
    name: str, *, base_url: str = "", api_key: str = "", provider: str = ""
) -> Model:
    """A model that speaks chat completions: OpenAI's own, or any server's at `base_url`.

    `provider` is its name in budgets, metrics and messages: what one says is not another's.
    """
    client = Client(base_url=base_url, api_key=api_key)
    if provider or base_url:
        other = OpenAICompatibleProvider(provider or UNNAMED, openai_client=client)
        return OpenAIChatModel(name, provider=other, profile=PROFILE)
    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=client), profile=PROFILE)


def from_settings() -> Model:
    """The model that the settings name, or the one that chooses among several."""
    if settings.AGENT_MODELS:
        return routed()
    if not settings.AGENT_MODEL:
        raise ImproperlyConfigured("AGENT_MODEL is not set: give it the name of a model")
    model = openai_compatible(
        settings.AGENT_MODEL, base_url=settings.AGENT_BASE_URL, api_key=settings.AGENT_API_KEY
    )
    return Budgeted(model)


def routed() -> Model:
    """Asks the models of AGENT_MODELS as AGENT_ROUTES say."""
    choices = {name: Choice(**entry) for name, entry in settings.AGENT_MODELS.items()}
    models = {name: chosen(choice) for name, choice in choices.items()}
    return Routed(models, choices, [Rule(**rule) for rule in settings.AGENT_ROUTES.values()])


def chosen(choice: Choice) -> Model:
    """A model of AGENT_MODELS; the key of AGENT_API_KEY goes to nobody but AGENT_BASE_URL.

    Two servers of the same model have a budget and a circuit each.
    """
    base_url = choice.base_url or settings.AGENT_BASE_URL
    own = choice.api_key or (settings.AGENT_API_KEY if not choice.base_url else "")
    is_other = base_url != settings.AGENT_BASE_URL
    provider = choice.provider or (server(base_url) if is_other else "")
    return openai_compatible(choice.model, base_url=base_url, api_key=own, provider=provider)


async def rehearse() -> None:
    """One turn without a provider: what pydantic-ai builds at first use is built now."""
    async with Agent(TestModel()).run_stream("warm up") as reply:
        await reply.get_output()
