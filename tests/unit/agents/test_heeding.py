from pydantic_ai import Agent
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.test import TestModel
from structlog.testing import capture_logs

from workers.agents import heeding, registry
from workers.agents.budgeted import Budgeted
from workers.agents.model import openai_compatible

SAMPLING = ["temperature", "top_p", "presence_penalty", "frequency_penalty"]


def model(name):
    return Budgeted(openai_compatible(name, base_url="http://127.0.0.1:1"))


def test_each_model_that_may_be_asked_is_looked_at():
    asked = FallbackModel(model("o3"), TestModel(), model("gpt-4o"))
    assert heeding.unheeded(asked, {"temperature": 0.2, "max_tokens": 5}, {}) == {
        "o3": ["temperature"]
    }


def test_what_an_agent_lets_requests_set_in_vain_is_logged():
    with capture_logs() as logged:
        heeding.note("thinker", Agent(model("o3")), registry.PARAMETERS)
        heeding.note("thinker", Agent(model("o3")), ["max_output_tokens"])
        heeding.note("talker", Agent(model("gpt-4o")), registry.PARAMETERS)
        heeding.note("nobody", Agent(), registry.PARAMETERS)
    found = {"agent": "thinker", "model": "o3", "parameters": SAMPLING, "log_level": "warning"}
    assert logged == [{"event": "agent_leaves_out_parameters", **found}]
