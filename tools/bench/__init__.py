"""Speed and memory of what the project exists for, as ratios measured in one process."""
