"""How a request says what shall happen to it: a script in the prompt, or else in the model's name.

In the last user message: `[[cut after=3]]`. As the model: `stream?deltas=20&rate=50`.

    stream   deltas=5 rate=0 (a second; 0: at once) size=0 (characters a delta)
    echo     the last user message
    chain    a hash over the whole history that was sent: any gap or change shows in the text
    tool     name=calculate arguments={"expression":"6*7"} times=1 ids=1 then=stream: calls, then so
    tools    pay look then=stream: calls each of the tools named, then so
    hold     after=1: streams so many deltas, then waits for `release`
    stall    after=0: streams so many deltas, then never again
    cut      after=1: so many deltas, then the connection is gone
    end      after=1: so many deltas, then a clean end without a finish reason
    status   code=500 retry_after= type=
    garbage  after=0: so many deltas, then what is no JSON
    html     a page where a stream should be

A reply takes no more deltas than the request's token limit, and then ends by `length`; so does one with
finish=length. With saying=Well a reply with calls begins with that word.

With wait=1 the first request after the prompt waits for `release` before anything. Words have no
blanks in them.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

SCRIPT = re.compile(r"\[\[(.+?)\]\]", re.DOTALL)


@dataclass(frozen=True)
class Script:
    """What shall happen to one request."""

    kind: str
    words: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] = ()  # the words without a value

    def number(self, word: str, default: int) -> int:
        return int(self.words.get(word, default))


def script(body: dict[str, Any]) -> Script:
    """The script of a request, from its last user message or its model's name."""
    if found := SCRIPT.findall(prompt(body)):
        kind, *rest = found[-1].split()
        words = dict(word.split("=", 1) for word in rest if "=" in word)
        if kind in {"tool", "tools"} and answered(body) >= int(words.get("times", 1)):
            kind = words.get("then", "stream")
        return Script(kind, words, tuple(word for word in rest if "=" not in word))
    kind, _, query = str(body.get("model", "")).partition("?")
    return Script(kind or "stream", dict(parse_qsl(query)))


def prompt(body: dict[str, Any]) -> str:
    """The text of the last user message."""
    for message in reversed(body.get("messages", ())):
        if message.get("role") == "user":
            content = message.get("content") or ""
            return (
                content if isinstance(content, str) else "".join(part["text"] for part in content)
            )
    return ""


def texts(script: Script, body: dict[str, Any]) -> list[str]:
    """The deltas of the reply, as many as the request lets it have."""
    return whole_texts(script, body)[: most(body)]


def most(body: dict[str, Any]) -> int | None:
    """How many tokens a reply may have; each delta is one."""
    return body.get("max_completion_tokens") or body.get("max_tokens")


def whole_texts(script: Script, body: dict[str, Any]) -> list[str]:
    """The deltas of a reply that nothing cuts off."""
    if script.kind == "echo":
        return [word + " " for word in prompt(body).split()]
    if script.kind == "chain":
        return [link + " " for link in chain(body["messages"])]
    size = script.number("size", 0)
    return [f"word{n} ".ljust(size, "x") for n in range(script.number("deltas", 5))]


def chain(messages: list[dict[str, Any]]) -> list[str]:
    """Eight words that depend on every message's role and content, and on their order."""
    digest = hashlib.sha256()
    for message in messages:
        if message.get("role") != "system":
            digest.update(json.dumps([message.get("role"), message.get("content")]).encode())
    return re.findall(".{8}", digest.hexdigest())


def tool_calls(script: Script, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The calls that this reply consists of."""
    names: tuple[str, ...] = ()
    if script.kind == "tool":
        names = (script.words.get("name", "calculate"),) * script.number("ids", 1)
    elif script.kind == "tools":
        names = script.names
    arguments = script.words.get(
        "arguments", '{"expression":"6*7"}' if script.kind == "tool" else "{}"
    )
    return [
        {"id": f"call_{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for n, name in enumerate(names)
    ]


def answered(body: dict[str, Any]) -> int:
    """How many replies with calls stand after the last user message."""
    count = 0
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            break
        count += bool(message.get("tool_calls"))
    return count
