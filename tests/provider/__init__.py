"""A model provider for tests: OpenAI's chat completions, streamed as each request's script says.

`python -m tests.provider --port 0` runs one as a process and prints its port; `Provider` runs one
on the test's own event loop. `script` says how a request names what is to happen to it.
"""

from tests.provider.server import Provider

__all__ = ["Provider"]
