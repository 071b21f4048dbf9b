"""Break the running system by a seed, then check exactly what it promised.

`python -m tests.chaos --faults 60 --seed 1`: people talk through two replicas to three workers
while processes are killed and frozen, servers restarted, replies dropped. `arena` runs it all,
`people` talk, `faults` break things, `checker` tells every promise that was not kept: each kind
of check is a module of its own (`outcomes`, `outside`, `seen`, `replaying`, `leftovers`, `audit`).
"""
