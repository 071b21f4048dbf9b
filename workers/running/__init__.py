"""A worker at work: from the first fetch of a job until the last has landed."""
