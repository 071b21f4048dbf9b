"""What the demo remembers: a name and whatever else it was told, found anew in all that was said."""

import re
from collections.abc import Iterator, Sequence

from workers.agents.demo.heard import Answer, Heard
from workers.agents.demo.sayings import clauses, essence, is_question, to_you

NAME = re.compile(
    r"\b(?:my name is|call me|name's)\s+(?P<name>[\w'-]+(?: [A-Z][\w'-]+)?)", re.IGNORECASE
)
NAME_PLAINLY = re.compile(r"\b(?:I am|I'm|i am|i'm)\s+(?P<name>[A-Z][\w'-]+)")
NOTHING_ELSE = re.compile(rf"(?:(?i:hello|hi|hey)|\W)*{NAME_PLAINLY.pattern}\W*")
FACT = re.compile(
    r"\bmy (?P<what>[\w' -]{2,40}?) (?P<verb>(?:is|are|was|were)(?: called| named)?) (?P<value>.+)",
    re.IGNORECASE,
)
NOTE = re.compile(
    r"\W*(?:(?:please|and|also|now|(?:can|could|would|will) you|i want you to)\W+)*"
    r"(?:remember|note|keep in mind|do not forget|don't forget)\b(?:\W*\b(?:that|this)\b)?\W*(?P<note>.{2,})",
    re.IGNORECASE,
)
TELLS = re.compile(
    r"\bI(?:'m|'ve| (?:also |really )?(?:am|was|have|had|live|work|like|love|hate|prefer|own|play|study"
    r"|speak|come|drive|grew|moved))\b(?! an? (?:question|problem))"
    r"|\b(?:my|our) .{1,60}? (?:is|are|was|were|has|have|lives?|likes?|works?|loves?)\b",
    re.IGNORECASE,
)
WHAT_IS_MY = re.compile(
    r"\b(?:(?:what|who|where|when)(?:'s| is| are| was| were)|tell me|do you (?:know|remember)) my "
    r"(?P<what>[\w' -]+?)\s*(?:\band\b|[^\w' -]|$)",
    re.IGNORECASE,
)
CALLED = re.compile(r"(?:'s)? (?:name|called|named|again)$")
WHAT_DO_YOU_KNOW = re.compile(
    r"\bwhat (?:do|did|have|should) (?:you|I) (?:know|remember|tell|told)\b"
    r"|\bwhat (?:did|have) I asked? you to remember|\bwho am i\b|\bdo you (?:remember|know) me\b",
    re.IGNORECASE,
)
WHAT_DID_I_SAY = re.compile(
    r"\bwhat (?:did|have) I (?:just )?(?:say|said|ask|asked|write|written)\b(?!.*\bfirst\b)"
    r"|\bmy (?:last|previous) (?:message|question|words)\b",
    re.IGNORECASE,
)


# --- What it was told --------------------------------------------------------------------------


def name_of(prompts: Sequence[str]) -> str:
    """The name that was given last, if any."""
    for prompt in reversed(prompts):
        if found := NAME.search(prompt) or NAME_PLAINLY.search(prompt):
            return found["name"]
    return ""


def told(prompts: Sequence[str]) -> dict[str, str]:
    """What was told, said back, newest last: by what it is about, so that the newest word counts."""
    memory: dict[str, str] = {}
    for clause in (clause for prompt in prompts for clause in notes(prompt)):
        fact = FACT.search(clause)
        about = fact["what"].lower() if fact else clause.lower()
        memory.pop(about, None)
        memory[about] = to_you(clause)
    memory.pop("name", None)
    return memory


def notes(prompt: str) -> Iterator[str]:
    """What one message tells, in the person's words."""
    for clause in clauses(prompt):
        note = NOTE.match(clause)
        tells = TELLS.search(clause) and not NOTHING_ELSE.fullmatch(clause)
        if note or (tells and not is_question(clause)):
            yield (note["note"] if note else clause).rstrip(" .!?")


# --- What it says of that ----------------------------------------------------------------------


def recall(heard: Heard) -> Answer | None:
    """Answers "what is my name?" and the like."""
    earlier = heard.prompts[:-1]
    if WHAT_DO_YOU_KNOW.search(heard.last) and not essence(heard.last):
        return everything(earlier)
    if WHAT_DID_I_SAY.search(heard.last) and earlier:
        return f"You said:\n\n> {earlier[-1]}"
    found = WHAT_IS_MY.search(heard.last)
    if not found:
        return None
    what = CALLED.sub("", found["what"].strip().lower())
    if what == "name":
        name = name_of(earlier)
        return f"Your name is **{name}**. You told me." if name else UNTOLD.format(what=what)
    return known(earlier, what) or recollect(heard) or UNTOLD.format(what=what)


UNTOLD = (
    "You have not told me your {what}, or it was so long ago that it has left my window: "
    "I am shown the last messages of a conversation only."
)


def known(prompts: Sequence[str], what: str) -> str:
    """The newest word on it."""
    for clause in reversed([clause for prompt in prompts for clause in notes(prompt)]):
        fact = FACT.search(clause)
        if fact and fact["what"].lower() == what:
            return f"Your {what} {fact['verb']} **{to_you(fact['value'])}**. You told me."
    return ""


def recollect(heard: Heard) -> Answer | None:
    """Finds what it was told by the words of a question."""
    asked = essence(heard.last)
    if not asked or not any(is_question(clause) for clause in clauses(heard.last)):
        return None
    memory = list(told(heard.prompts[:-1]).values())
    shared = [len(asked & essence(said)) for said in memory]
    if not shared or max(shared) * 2 < len(asked):
        return None
    newest = max(range(len(memory)), key=lambda index: (shared[index], index))
    return f"You told me: **{memory[newest]}**."


def everything(prompts: Sequence[str]) -> str:
    """All that it remembers, as a list."""
    name = name_of(prompts)
    lines = [f"- Your name is **{name}**."] if name else []
    lines += [f"- {said[0].upper()}{said[1:]}." for said in told(prompts).values()]
    return (
        "This is what I remember:\n\n" + "\n".join(lines)
        if lines
        else ("Nothing yet. Tell me your name, or say *remember that the key is under the mat*.")
    )


def take_note(heard: Heard) -> Answer | None:
    """Acknowledges a name, a fact, and what it is to remember."""
    noted = "; ".join(told([heard.last]).values())
    if name := name_of([heard.last]):
        also = f" And noted: {noted}." if noted and not NAME_PLAINLY.search(heard.last) else ""
        return (
            f"Pleased to meet you, **{name}**.{also} I shall remember: ask me *what is my name?*, "
            "here, in another tab, or after a reload."
        )
    is_told = any(NOTE.match(clause) or FACT.search(clause) for clause in clauses(heard.last))
    return f"Noted: {noted}." if noted and is_told else None


def take_in(heard: Heard) -> Answer | None:
    """Acknowledges whatever else a person tells of themselves."""
    noted = "; ".join(told([heard.last]).values())
    return f"Noted: {noted}." if noted else None


def question(prompt: str) -> str:
    """What a message asks beside what it tells, if it does both."""
    parts = clauses(prompt)
    asked = [part for part in parts if is_question(part) and not take_note(Heard([part]))]
    return " ".join(asked) if len(asked) < len(parts) else ""
