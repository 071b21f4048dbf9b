"""The phases of a turn: what a process says to PostgreSQL or Redis in each, to aim at."""

import hashlib
import re

from conversations.streams.writing import APPEND

ACCEPT = b"INSERT INTO conversations_turn ("
CLAIM = b"FOR NO KEY UPDATE OF conversation FOR KEY SHARE OF worker"
TAKE = b"state = 'running', claim_token = "  # of a claim, which may find nothing
END = b"SET open_turns = open_turns - 1"
COMMIT = b"COMMIT"
BEGIN = b"BEGIN"
WRITE = b"SET version = version + 1, next_message = next_message + "
SCRIPT = b"EVALSHA"
FRAME = hashlib.sha1(APPEND.encode()).hexdigest().encode()
FINAL = b"completed_at"  # of the one frame that comes after the end
CALL = b"INSERT INTO conversations_toolcall"  # the ledger
RESULT = b"UPDATE conversations_toolcall AS call"

# What the server's answer proves, so that only what really took place counts as hit.
ACCEPTED = re.compile(rb"INSERT 0 1\x00.*Z\x00\x00\x00\x05I", re.DOTALL)  # outside of a transaction
COMMITTED = re.compile(rb"COMMIT\x00")
SHOWN = re.compile(rb"\$2\r\nok\r\n")
ANYTHING = re.compile(b"")

# The phases that a long run has to have hit, each with the fault that aims at it.
PHASES = {
    "accepted": "kill_a_replica_as_it_accepts",
    "claimed": "kill_a_worker_as_it_claims",
    "streaming": "kill_a_worker_while_it_streams",
    "at a tool": "kill_a_worker_at_a_tool",
    "between last delta and commit": "kill_a_worker_before_it_commits_the_end",
    "after commit before the event": "kill_a_worker_after_it_committed_the_end",
}
