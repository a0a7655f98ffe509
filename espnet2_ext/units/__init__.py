"""Discrete units: features, k-means, units without repeats and run lengths ([P2V] III-A)."""
