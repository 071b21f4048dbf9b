"""The whole system as real processes, seen from outside."""
