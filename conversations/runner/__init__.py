"""Runs one turn: claim it, load the transcript, ask the agent, show and keep its words, end it.

The ways in are `answer` and, without a row, `answer_sealed`, on a worker's event loop. No lock and
no transaction is held while a model or a tool is asked. Whatever happens, a claimed turn is ended,
or handed back, or it is somebody else's by then.
"""

from conversations.runner.life import answer
from conversations.runner.sealed import answer as answer_sealed

__all__ = ["answer", "answer_sealed"]
