"""Discrete units: features, k-means, units without repeats and durations ([P2V] III-A)."""
