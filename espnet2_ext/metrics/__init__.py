"""Metrics of converted speech; each file states one definition."""
