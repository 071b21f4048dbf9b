import pytest
from pydantic_ai import Agent
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.providers.bedrock import BedrockProvider
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


BEDROCK = [
    "us.anthropic.claude-opus-4-8",
    "us.anthropic.claude-sonnet-4-5",
    "xai.grok-4.6",
    "openai.gpt-oss-120b-1:0",
    "amazon.nova-pro-v1:0",
]


@pytest.mark.filterwarnings("ignore:Sampling parameters")
@pytest.mark.parametrize("name", BEDROCK)
def test_what_is_told_of_a_model_is_what_pydantic_ai_leaves_out(name):
    """OpenAI's are asked in `runner/test_parameters`: only their requests show it."""
    speaker = BedrockConverseModel(name, provider=BedrockProvider(region_name="x", api_key="x"))
    settings = {"temperature": 0.2, "top_p": 0.5}
    sent, _ = speaker.prepare_request(settings, ModelRequestParameters())
    left = [setting for setting in settings if setting not in (sent or {})]
    assert heeding.unheeded(speaker, settings, {}).get(name, []) == left
