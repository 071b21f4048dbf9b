"""Each in a process of its own: the collector is the process's."""

import subprocess
import sys

# What lives for a while, as a chunk's objects do, and what is kept, as a turn's are.
SERVE = """
import gc, sys
from workers import garbage

kept = [[] for _ in range(100_000)]
if "settle" in sys.argv:
    garbage.settle()
before = gc.get_stats()[2]["collections"]
for _ in range(20):
    waiting = [[] for _ in range(20_000)]
    waiting.clear()
print(gc.get_stats()[2]["collections"] - before)
"""
CYCLES = """
import gc, weakref
from workers import garbage

class Knot:
    pass

garbage.settle()
first = Knot()
first.itself = first
gone = weakref.ref(first)
del first
more = [[] for _ in range(garbage.YOUNG + 1)]
print(gone() is None)
"""


def said(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_what_lives_for_a_second_does_not_have_all_looked_through():
    assert int(said(SERVE)) > 0
    assert said(SERVE, "settle") == "0"


def test_cycles_are_still_found():
    assert said(CYCLES) == "True"
