"""Decides how many processes a pool has; `workers.launchers` make it so."""
