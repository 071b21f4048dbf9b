"""What a person said, taken apart: clauses, the words that matter, and "you" for "I"."""

import re

LONGEST = 2000  # characters of one message that are looked at

CLAUSE = re.compile(
    r"(?<=[.!?])\s+|\n+|;\s*|,?\s+(?:and|but)\s+(?=(?:my|I|I'm|we)\b)", re.IGNORECASE
)
ASKS = re.compile(
    r"(?:\W|\b(?:and|so|but|now|okay|ok|please|hey|hi|hello)\b)*"
    r"(?:(?:what|who|where|when|how)(?:'s|s)?|whose|whom|why|which|is|are|am|was|were|do|does|did|can"
    r"|could|will|would|should|shall|may|has|tell|show|say|give|explain|calculate|compute|count|call"
    r"|rename|write|list|repeat|guess)\b",
    re.IGNORECASE,
)
FILLERS = """
a an the this that these those i i'm i've me my mine we our you your it its he she they his her their
is are am was were be been do does did have has had can could will would should shall may
what what's who who's whose whom where where's when why which how
of in on at to for from with by as and or but so if not no yes about there here
please again just now still also then
remember recall know tell told say said ask asked mention mentioned think forget note
"""
EMPTY = frozenset(FILLERS.split())
SAME = {"called": "name", "named": "name", "color": "colour", "favorite": "favourite"}
YOU = {
    "i": "you", "i'm": "you are", "i've": "you have", "i'd": "you would", "i'll": "you will",
    "my": "your", "mine": "yours", "me": "you", "myself": "yourself", "am": "are",
}  # fmt: skip
SPOKEN = re.compile(r"\b(?:I was|I'(?:m|ve|d|ll)|I|my|mine|me|myself|am)\b", re.IGNORECASE)


def clauses(text: str) -> list[str]:
    """Its sentences, and what "and my" joins, each on its own."""
    return [clause.strip() for clause in CLAUSE.split(text[:LONGEST]) if clause.strip()]


def is_question(clause: str) -> bool:
    """Whether it asks or orders something, rather than tells it."""
    return clause.endswith("?") or ASKS.match(clause) is not None


def essence(text: str) -> set[str]:
    """The words that matter, so that a question and its answer have them in common."""
    found = re.findall(r"\w[\w'-]*", text[:LONGEST].lower().replace("’", "'"))  # noqa: RUF001
    return {stem(word) for word in found if word not in EMPTY}


def stem(word: str) -> str:
    """`dogs` and `dog's` are `dog`."""
    word = word.removesuffix("'s")
    if len(word) > 3 and not word.endswith("ss"):
        word = word.removesuffix("s")
    return SAME.get(word, word)


def to_you(text: str) -> str:
    """`my dog likes me` as one says it back: `your dog likes you`."""
    return SPOKEN.sub(lambda found: YOU.get(found[0].lower(), "you were"), text)
