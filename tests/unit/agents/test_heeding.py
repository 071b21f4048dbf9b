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
CAN_STOP = {"openai_supports_reasoning": True, "openai_supports_reasoning_effort_none": True}


def model(name):
    return Budgeted(openai_compatible(name, base_url="http://127.0.0.1:1"))


def test_each_model_that_may_be_asked_is_looked_at():
    asked = FallbackModel(model("o3"), TestModel(), model("gpt-4o"))
    assert heeding.unheeded(asked, {"temperature": 0.2, "max_tokens": 5}, {}) == {
        "o3": ["temperature"]
    }


@pytest.mark.parametrize(
    ("profile", "own", "left"),
    [
        ({}, {}, []),
        ({"openai_unsupported_model_settings": ["top_p"]}, {}, ["top_p"]),
        ({"anthropic_disallows_sampling_settings": True}, {}, ["temperature", "top_p"]),
        ({"bedrock_disallows_sampling_settings": True}, {}, ["temperature", "top_p"]),
        (CAN_STOP, {}, []),
        (CAN_STOP, {"thinking": True}, SAMPLING),
        (CAN_STOP | {"thinking_enabled_by_default": True}, {}, SAMPLING),
        (CAN_STOP | {"thinking_enabled_by_default": True}, {"thinking": False}, []),
        (CAN_STOP | {"thinking_always_enabled": True}, {"thinking": False}, SAMPLING),
        (CAN_STOP | {"openai_reasoning_efforts": ["low"]}, {}, SAMPLING),
    ],
)
def test_a_profile_tells_what_its_model_leaves_out(profile, own, left):
    found = heeding.unheeded(TestModel(profile=profile), dict.fromkeys(SAMPLING), own)
    assert found == ({"test": left} if left else {})


class Deaf(TestModel):
    """Of a provider that takes no temperature of any of its models."""

    unsupported_settings = frozenset({"temperature"})


def test_what_all_models_of_a_provider_leave_out_counts():
    assert heeding.unheeded(Deaf(), dict.fromkeys(SAMPLING), {}) == {"test": ["temperature"]}


thinker, talker, nobody = Agent(model("o3")), Agent(model("gpt-4o")), Agent()


async def test_what_an_agent_lets_requests_set_in_vain_is_logged_when_it_is_warmed_up(settings):
    taken = {
        "thinker": {"parameters": registry.PARAMETERS},
        "talker": {"parameters": registry.PARAMETERS},
        "nobody": {"parameters": registry.PARAMETERS},
        "brief": {"agent": f"{__name__}.thinker", "parameters": ["max_output_tokens"]},
    }
    settings.AGENTS = {name: {"agent": f"{__name__}.{name}"} | told for name, told in taken.items()}
    with capture_logs() as logged:
        await registry.warm_up()
    found = {"agent": "thinker", "model": "o3", "parameters": SAMPLING, "log_level": "warning"}
    told = [line for line in logged if line.pop("event") == "agent_leaves_out_parameters"]
    assert told == [found]  # other threads of the process may log, too


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
