"""Whether a process and what it needs are well, and who may ask."""
