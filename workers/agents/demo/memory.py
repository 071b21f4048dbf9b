"""What the demo remembers: names, facts and notes, found anew in all that was said."""

import re
from collections.abc import Sequence

from workers.agents.demo.heard import Answer, Heard

NAME = re.compile(
    r"\b(?:my name is|call me|name's)\s+(?P<name>[\w'-]+(?: [A-Z][\w'-]+)?)", re.IGNORECASE
)
NAME_PLAINLY = re.compile(r"\b(?:I am|I'm|i am|i'm)\s+(?P<name>[A-Z][\w'-]+)")
FACT = re.compile(r"\bmy (?P<what>[\w' -]{2,40}?) (?:is|are) (?P<value>[^?!.\n]+)", re.IGNORECASE)
NOTE = re.compile(r"\bremember(?: that|:)? (?P<note>[^?\n]{3,200})", re.IGNORECASE)
WHAT_IS_MY = re.compile(
    r"\b(?:what(?:'s| is| are| was)|tell me|do you (?:know|remember)) my (?P<what>[\w' -]+?)\s*(?:\band\b|[^\w' -]|$)",
    re.IGNORECASE,
)
WHAT_DO_YOU_KNOW = re.compile(
    r"what (?:do|did) (?:you|I) (?:know|remember|tell|told)|who am i\b", re.IGNORECASE
)


def name_of(prompts: Sequence[str]) -> str:
    """The name that was given last, if any."""
    for prompt in reversed(prompts):
        if found := NAME.search(prompt) or NAME_PLAINLY.search(prompt):
            return found["name"]
    return ""


def facts_of(prompts: Sequence[str]) -> dict[str, str]:
    """What was said of "my ...", the newest word on each."""
    facts = {}
    for prompt in prompts:
        if not WHAT_IS_MY.search(prompt):
            for found in FACT.finditer(prompt):
                facts[found["what"].lower()] = found["value"].strip()
    facts.pop("name", None)
    return facts


def notes_of(prompts: Sequence[str]) -> list[str]:
    """What it was asked to remember."""
    return [
        found["note"].strip().rstrip(".")
        for prompt in prompts
        for found in NOTE.finditer(prompt)
        if not prompt.strip().endswith("?")
    ]


def recall(heard: Heard) -> Answer | None:
    """Answers "what is my name?" and the like."""
    earlier = heard.prompts[:-1]
    if WHAT_DO_YOU_KNOW.search(heard.last):
        return everything(earlier)
    found = WHAT_IS_MY.search(heard.last)
    if not found:
        return None
    what = found["what"].strip().lower()
    if what == "name":
        name = name_of(earlier)
        return f"Your name is **{name}**. You told me." if name else UNTOLD.format(what=what)
    value = facts_of(earlier).get(what)
    return f"Your {what}: **{value}**." if value else UNTOLD.format(what=what)


UNTOLD = (
    "You have not told me your {what}, or it was so long ago that it has left my window: "
    "I am shown the last messages of a conversation only."
)


def everything(prompts: Sequence[str]) -> str:
    """All that it remembers, as a list."""
    name = name_of(prompts)
    lines = [f"- Your name is **{name}**."] if name else []
    lines += [f"- Your {what}: {value}" for what, value in facts_of(prompts).items()]
    lines += [f"- {note}" for note in notes_of(prompts)]
    return (
        "This is what I remember:\n\n" + "\n".join(lines)
        if lines
        else ("Nothing yet. Tell me your name, or say *remember that the key is under the mat*.")
    )


def take_note(heard: Heard) -> Answer | None:
    """Acknowledges what it is told."""
    told = [heard.last]
    if name := name_of(told):
        return (
            f"Pleased to meet you, **{name}**. I shall remember: ask me *what is my name?*, "
            "here, in another tab, or after a reload."
        )
    noted = [*notes_of(told), *(f"your {what}: {value}" for what, value in facts_of(told).items())]
    return f"Noted. {'; '.join(noted)}." if noted else None
