"""Python's collector of reference cycles, set for a process that serves many at once.

What is made for a chunk of text lives until the next one comes. By Python's own thresholds it has
grown old by then, and whenever a quarter is added all old objects are looked through: with 600
turns in flight every three seconds, 0.7 s in which no turn moves, and half of a worker's CPU time.
"""

import gc

YOUNG = 50_000  # new objects until they are looked at: by then most of a second's are gone again
OLDER = 5  # such looks until their survivors are looked at
OLD = 10  # such looks until, perhaps, all is


def settle() -> None:
    """Look seldom, and never again at what is there now. Call it once all is imported.

    https://docs.python.org/3/library/gc.html tells of generations, and of `freeze`.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLD)
