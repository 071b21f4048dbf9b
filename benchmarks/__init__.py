"""What the site costs, measured on real processes: `python -m benchmarks` prints one table."""
