"""What the demo says: a pure function of what it has heard, so any worker goes on identically."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

from workers.agents.demo.heard import Answer, Call, Heard, Result
from workers.agents.demo.memory import name_of, question, recall, recollect, take_in, take_note

HERE = Path(__file__).parent
HIGHEST = 2000  # it counts no further


def answer(heard: Heard) -> Answer:
    """What to say next, or which tools to call first. What a message tells comes before what it asks."""
    asked = question(heard.last)
    note = take_note(heard) if asked else None
    if note is None:
        return reply(heard) or at_a_loss(heard)
    found = reply(replace(heard, prompts=[*heard.prompts, asked]))
    return f"{note}\n\n{found}" if isinstance(found, str) else found or note


def reply(heard: Heard) -> Answer | None:
    """What the tools found, or by the first rule that knows what to say."""
    if heard.results:
        return "\n\n".join(reported(result) for result in heard.results)
    for rule in RULES:
        if found := rule(heard):
            return found
    return None


# --- What its tools find -----------------------------------------------------------------------

SIGNS = {"divided by": "/", "times": "*", "plus": "+", "minus": "-", "×": "*", "÷": "/"}  # noqa: RUF001
SUM = re.compile(r"[-(]*\d[\d\s.,()+*/%^-]*[\d)]")
ASKS_FOR_A_SUM = re.compile(r"calculat|comput|how much|what(?:'s| is)|solve|=", re.IGNORECASE)


def calculate(heard: Heard) -> Answer | None:
    """Has sums done by the tool."""
    text = heard.last.lower()
    for word, sign in SIGNS.items():
        text = text.replace(word, sign)
    text = re.sub(r"\s*%\s*of\s+", " / 100 * ", text)
    sums = [found.strip() for found in SUM.findall(text) if re.search(r"[\d)]\s*[-+*/%^]", found)]
    if not sums or not (ASKS_FOR_A_SUM.search(text) or len(max(sums, key=len)) * 2 > len(text)):
        return None
    return [Call("calculate", {"expression": one}) for one in sums]


def look_up(heard: Heard) -> Answer | None:
    """Has questions about the person's own conversations answered by the database."""
    if re.search(r"\bfirst (?:message|thing|words?)|\bsay first\b|\bsaid first\b", heard.last):
        return [Call("look_up", {"what": "first message"})]
    if not re.search(r"how many|number of|count of", heard.last, re.IGNORECASE):
        return None
    asked = [what for what in ("conversations", "messages") if what[:-1] in heard.last.lower()]
    return [Call("look_up", {"what": what}) for what in asked] or None


TITLE = re.compile(
    r"\b(?:re)?(?:name|call|title) (?:this|the|our) (?:conversation|chat)(?: to| as|:)? (?P<title>.{1,100})",
    re.IGNORECASE,
)


def rename(heard: Heard) -> Answer | None:
    """Has the conversation renamed by a tool that asks for leave."""
    found = TITLE.search(heard.last)
    title = found["title"].strip(" .!?\"'*") if found else ""
    return [Call("rename", {"title": title})] if title else None


def weekday(heard: Heard) -> Answer | None:
    """Has dates looked up by a tool on another server, if that can be reached."""
    found = re.search(r"\bday\b.*?\b(?P<day>\d{4}-\d\d-\d\d)\b", heard.last, re.IGNORECASE)
    if not found:
        return None
    if "calendar_weekday" not in heard.tools:
        return "The calendar is on a tool server of its own, and that cannot be reached now."
    return [Call("calendar_weekday", {"day": found["day"]})]


NAMED_WORD = re.compile(r"[A-Za-z][a-z]{3,}")  # of a name in any manner of writing
ASKED_OF = re.compile(r"\b(?:for|of|in|at) (?P<what>[^?!.]{1,100})", re.IGNORECASE)


def hand_over(heard: Heard) -> Answer | None:
    """Leaves to a program what it has a function for: one call for each thing that is asked of."""
    said = set(re.findall(r"\w+", heard.last.lower()))
    for name, texts in heard.functions.items():
        if said & {word.lower() for word in NAMED_WORD.findall(name)}:
            found = ASKED_OF.search(heard.last)
            each = re.split(r",\s*|\s+and\s+", found["what"] if found else heard.last)
            return [Call(name, dict.fromkeys(texts, what.strip())) for what in each]
    return None


def reported(result: Result) -> str:
    """A tool's result in words."""
    if result.call.tool == "rename":
        return KEPT if result.failed else RENAMED.format(title=result.content)
    if result.failed:
        return f"I could not do that: {result.content}."
    try:
        return REPORTS[str(result.call.arguments.get("what", result.call.tool))](result)
    except KeyError:  # a program's own function, or what it says was called before
        return f"I had `{result.call.tool}` called, and it returned `{result.content}`."


COUNTED = (
    "The story has **{number}** words. I read it page by page to find out; whoever asks within a "
    "minute, here or elsewhere, is told at once."
)
RENAMED = "Done. This conversation is called **{title}** now."
KEPT = "As you wish: the title stays as it is."


def counted(number: str, noun: str) -> str:
    return f"**{number}** {noun}" if number == "1" else f"**{number}** {noun}s"


REPORTS: dict[str, Callable[[Result], str]] = {
    "calendar_weekday": lambda it: f"{it.call.arguments['day']} is a **{it.content}**.",
    "calculate": lambda it: f"`{it.call.arguments['expression']}` is **{it.content}**.",
    "count_words": lambda it: COUNTED.format(number=it.content),
    "conversations": lambda it: f"I looked it up: you have {counted(it.content, 'conversation')}.",
    "messages": lambda it: f"I looked it up: you have {counted(it.content, 'message')} in all.",
    "first message": lambda it: f"{FIRST}:\n\n> {it.content}",
}
FIRST = "I looked it up. The first thing you said here was"


# --- What it can tell --------------------------------------------------------------------------


@cache
def story() -> str:
    return (HERE / "story.md").read_text(encoding="utf-8").strip()


@cache
def features() -> dict[str, tuple[set[str], str]]:
    """By title: the words that call for it, and what it says."""
    sections = (HERE / "features.md").read_text(encoding="utf-8").split("## ")[1:]
    found = {}
    for section in sections:
        title, words, text = section.split("\n", 2)
        found[title] = ({word.strip() for word in words.split(",")}, text.strip())
    return found


def count_words(heard: Heard) -> Answer | None:
    """Has the words of the story counted by the tool that takes its time."""
    if re.search(r"\bwords?\b.*\bstory\b|\bstory\b.*\bwords?\b", heard.last, re.IGNORECASE):
        return [Call("count_words", {})]
    return None


def tell(heard: Heard) -> Answer | None:
    """A long story, or numbers, to watch the stream by."""
    if re.search(r"\bstory\b|something long|long (?:answer|text)", heard.last, re.IGNORECASE):
        return story()
    found = re.search(r"\bcount (?:up )?to (\d+)", heard.last, re.IGNORECASE)
    if not found:
        return None
    return " ".join(str(n) for n in range(1, min(int(found[1]), HIGHEST) + 1))


def explain(heard: Heard) -> Answer | None:
    """The feature that most of the person's words point to."""
    words = set(re.findall(r"[\w-]+", heard.last.lower()))
    title = max(features(), key=lambda title: len(features()[title][0] & words))
    known, text = features()[title]
    return f"**{title}.** {text}" if known & words else None


def introduce(heard: Heard) -> Answer | None:
    """Who it is and what can be asked."""
    if not re.search(
        r"^\W*(?:hello|hi|hey|good \w+|help)\b|who are you|what are you|what can (?:you|i)"
        r"|how does (?:this|it|agentsite)|agentsite|features?\b|are you (?:an? )?(?:ai|bot|real|human)",
        heard.last,
        re.IGNORECASE,
    ):
        return None
    name = name_of(heard.prompts)
    topics = ", ".join(f"*{title.lower()}*" for title in features())
    return INTRODUCTION.format(name=f", {name}" if name else "", topics=topics)


INTRODUCTION = """Hello{name}! I am the **demo agent**, and I am a script: no model, no key, no \
network. All the rest around me is real: the queue, the workers, the stream, the transcript.

Try this:

- *My name is Ada*, and later *what is my name?*
- *What is 17% of 340?*
- *How many conversations do I have?* or *what was my first message?*
- *Call this conversation Holiday plans*: a tool that asks for your leave first
- *How many words has the story?*: a tool that takes its time and says how far it is
- *Tell me a long story*, and then reload the page, open a second tab, or press stop

Or ask how Agentsite deals with any of: {topics}."""


def part(heard: Heard) -> Answer | None:
    """Thanks and farewells."""
    if re.search(r"\b(?:thanks?|thank you|cheers)\b", heard.last, re.IGNORECASE):
        return "You are welcome. It was all in the script."
    if re.search(r"\b(?:bye|goodbye|good night|see you)\b", heard.last, re.IGNORECASE):
        return "Goodbye! This conversation stays here until you come back."
    return None


def at_a_loss(heard: Heard) -> str:
    """What a script says when it has no line for it."""
    hints = (
        "Ask me *what can you do?*",
        "Try *tell me a long story*, and reload the page in the middle of it.",
        "Try *what is (3 + 4) * 6?*, which I look up nowhere: a tool calculates it.",
    )
    hint = hints[len(heard.prompts) % len(hints)]
    return f"I am only a script, and there is no line in it for that. {hint}"


RULES: tuple[Callable[[Heard], Answer | None], ...] = (
    hand_over,
    recall,
    take_note,
    count_words,
    tell,
    rename,
    weekday,
    look_up,
    calculate,
    recollect,
    introduce,
    explain,
    part,
    take_in,
)
