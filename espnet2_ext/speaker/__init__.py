"""Frozen speaker vectors, and "another utterance of the same speaker" ([P2V] III-B)."""
