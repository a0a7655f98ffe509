"""Corpora: one file each, turning a root directory into typed utterances."""
