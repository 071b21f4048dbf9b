"""The page Operations: what the fleet does at this moment and did in the last hour, and its verbs.

It reads rows only, so it can be opened while Redis is away: what waits stands in the samples.
"""
