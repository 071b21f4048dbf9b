"""The page Operations: what the fleet does at this moment and did in the last hour, and its verbs.

It can be opened while Redis is away: what waits stands in the samples, and of all that it shows
only the provider's budgets are in Redis alone.
"""
