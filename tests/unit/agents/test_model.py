import pytest
from pydantic_ai import Agent, ModelRetry
from pydantic_ai.exceptions import AgentRunError
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

from tests.provider import Provider
from tests.unit.agents.streaming import streamed
from tests.waiting import GENEROUS
from workers.agents import model
from workers.agents.choices import Choice
from workers.agents.failures import ToolFault, failure


@pytest.fixture
async def provider():
    async with Provider() as running:
        yield running


@pytest.fixture
async def agent(provider, settings, request):
    """It gives up soon where the provider is to be silent, and never where that is the machine."""
    settings.AGENT_TIMEOUT = 0.3 if "stall" in request.node.name else GENEROUS
    speaker = model.openai_compatible("stream", base_url=provider.url)
    agent = Agent(speaker, instructions="Be kind.")

    @agent.tool_plain
    def calculate(expression: str) -> str:
        if expression == "again":
            raise ModelRetry("again")
        return "42"

    yield agent
    await speaker.client.close()


async def test_a_reply_is_streamed_and_paid_once(agent, provider):
    reply = await streamed(agent, "[[stream deltas=3]]")
    assert reply.output == "word0 word1 word2 "
    assert len(provider.calls) == 1


async def test_a_tool_is_called_and_its_result_is_sent(agent, provider):
    await streamed(agent, "[[tool]]")
    assert provider.calls[1]["body"]["messages"][-1]["content"] == "42"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("status code=500", "provider_error"),
        ("status code=401", "provider_error"),
        ("status code=429", "provider_rate_limited"),
        ("status code=400", "context_too_long"),
        ("stall", "provider_timeout"),
        ("stall after=2", "provider_timeout"),
        ("cut after=2", "provider_error"),
        ("cut after=0", "provider_error"),
        ("end after=2", "provider_error"),
        ("garbage", "provider_invalid_reply"),
        ("garbage after=2", "provider_invalid_reply"),
        ("html", "provider_invalid_reply"),
        ("tool name=nobody times=9", "provider_invalid_reply"),
        ("tool arguments={broken times=9", "provider_invalid_reply"),
        ('tool arguments={"expression":"again"} times=9', "provider_invalid_reply"),
        ("tool times=99", "provider_invalid_reply"),
    ],
)
async def test_each_fault_of_a_provider_has_its_code(agent, script, code):
    with pytest.raises(AgentRunError) as caught:
        await streamed(agent, f"[[{script}]]")
    assert failure(caught.value).code == code


async def test_a_reply_that_is_cut_off_cleanly_is_no_finished_reply(agent):
    with pytest.raises(AgentRunError, match="finish_reason"):
        await streamed(agent, "[[end after=3]]")


async def test_a_429_is_seen_at_once_with_the_wait_that_it_asks_for(agent, provider):
    with pytest.raises(AgentRunError) as caught:
        await streamed(agent, "[[status code=429 retry_after=7]]")
    assert len(provider.calls) == 1  # the SDK alone would have asked three times
    assert failure(caught.value).as_error() == {
        "code": "provider_rate_limited",
        "message": "The model provider has too much to do just now. Try again in 7 s.",
        "retry_after": 7.0,
    }


@pytest.mark.parametrize("script", ["tool name=nobody", "tool arguments={broken"])
async def test_a_model_that_calls_a_tool_wrongly_once_may_correct_itself(agent, script):
    assert (await streamed(agent, f"[[{script}]]")).output


async def test_a_provider_that_is_not_there_has_a_code(settings):
    settings.AGENT_TIMEOUT = GENEROUS
    nowhere = model.openai_compatible("m", base_url="http://127.0.0.1:9/v1")
    with pytest.raises(AgentRunError) as caught:
        await streamed(Agent(nowhere), "hello")
    assert failure(caught.value).code == "provider_error"


def test_what_nobody_foresaw_says_nothing_of_itself():
    assert failure(KeyError("secret")).as_error() == {
        "code": "server_error",
        "message": "Something went wrong on our side.",
    }
    assert failure(ToolFault("secret")).code == "tool_error"


@pytest.mark.parametrize(
    ("told", "provider"),
    [
        ({}, "compatible"),
        ({"base_url": "http://main:8000/v1"}, "compatible"),
        ({"base_url": "http://10.0.0.7:8000/v1"}, "10.0.0.7:8000"),
        ({"base_url": "https://East.example.org/v1", "api_key": "k"}, "east.example.org:443"),
        ({"base_url": "https://gateway/a", "provider": "a"}, "a"),
        ({"api_key": "another account's", "provider": "b"}, "b"),
    ],
)
def test_a_model_keeps_to_the_limits_of_its_own_provider(settings, told, provider):
    settings.AGENT_BASE_URL = "http://main:8000/v1"
    assert model.chosen(Choice(model="llama", **told)).system == provider


def long_history(length):
    spoken = [
        (ModelRequest([UserPromptPart("hello " * 9)]), ModelResponse([TextPart("hi " * 9)]))
        for _ in range(length // 2)
    ]
    return [message for pair in spoken for message in pair] + [
        ModelRequest([UserPromptPart("now")])
    ]


async def test_two_thousand_messages_go_out_as_they_are(agent, provider):
    await streamed(agent, history=long_history(2000))
    sent = provider.calls[-1]["body"]["messages"]
    assert len(sent) == 2002
    assert sent[0] == {"role": "system", "content": "Be kind."}
    assert sent[-1] == {"role": "user", "content": "now"}


async def test_long_histories_bypass_the_sdks_walk_over_its_arguments(agent, monkeypatch):
    walked = []

    async def transform(data, expected_type):
        walked.append(len(data["messages"]))
        return data

    monkeypatch.setattr(
        "openai.resources.chat.completions.completions.async_maybe_transform", transform
    )
    await streamed(agent, history=long_history(50))
    assert walked == [0]
