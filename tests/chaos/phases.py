"""The phases of a turn: what a process says to PostgreSQL or Redis in each, to aim at."""

ACCEPT = b"INSERT INTO conversations_turn ("
CLAIM = b"FOR NO KEY UPDATE OF conversation FOR KEY SHARE OF worker"
END = b"SET open_turns = open_turns - 1"
COMMIT = b"COMMIT"
BEGIN = b"BEGIN"
WRITE = b"SET version = version + 1, next_message = next_message + "
SCRIPT = b"EVALSHA"
TOOL = b"conversations_toolcall"  # the ledger

# The phases that a long run has to have hit, each with the fault that aims at it.
PHASES = {
    "accepted": "kill_a_replica_as_it_accepts",
    "claimed": "kill_a_worker_as_it_claims",
    "streaming": "kill_a_worker_while_it_streams",
    "at a tool": "kill_a_worker_at_a_tool",
    "between last delta and commit": "kill_a_worker_before_it_commits_the_end",
    "after commit before the event": "kill_a_worker_after_it_committed_the_end",
}
