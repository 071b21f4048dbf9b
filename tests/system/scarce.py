"""An agent whose provider permits little; tests.system.site has its limit."""

from django.conf import settings
from pydantic_ai import Agent

from workers.agents import model
from workers.agents.budgeted import Budgeted

speaker = model.openai_compatible("stream?scarce=1", base_url=settings.AGENT_BASE_URL)
agent = Agent(Budgeted(speaker), name="scarce")
