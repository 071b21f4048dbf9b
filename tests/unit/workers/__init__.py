"""Of the engine room."""
