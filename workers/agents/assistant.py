"""The `assistant` agent: a plain one on the model that the settings name."""

from django.conf import settings
from pydantic_ai import Agent

from workers.agents import model

agent = Agent(
    model.from_settings(), name="assistant", instructions=settings.AGENT_INSTRUCTIONS or None
)
