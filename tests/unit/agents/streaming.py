"""Runs an agent as the runner does: every model response streamed."""

from pydantic_ai import Agent


async def streamed(agent, prompt=None, history=None, deps=None, **how):
    """The run, ended."""
    async with agent.iter(prompt, message_history=history, deps=deps, **how) as run:
        async for node in run:
            if Agent.is_model_request_node(node):
                async with node.stream(run.ctx) as stream:
                    async for _event in stream:
                        pass
    return run.result
