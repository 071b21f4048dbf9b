"""An agent that ends its process, as a broken native library would, when it is asked to."""

import os
import signal
from collections.abc import AsyncIterator

from pydantic_ai import Agent, ModelMessage
from pydantic_ai.models.function import AgentInfo, FunctionModel

DEADLY = "deadly"


async def stream(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str]:
    yield "So far "
    if DEADLY in str(messages[-1].parts[-1]):  # without what a lost turn left before it
        os.kill(os.getpid(), signal.SIGKILL)
    yield "so good."


agent = Agent(FunctionModel(stream_function=stream, model_name="poison"), name="poison")
