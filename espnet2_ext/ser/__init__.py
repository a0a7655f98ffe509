"""Emotion recognition ([P2V] IV-C): model, protocols, folds and the check for leaks."""
