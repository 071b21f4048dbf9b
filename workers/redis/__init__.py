"""Redis: where each role of it is, and the one client per role that reaches it."""
