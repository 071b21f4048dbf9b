"""What is counted and traced, and what shows it."""
