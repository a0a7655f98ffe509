"""Data directories on disk: read, write, validate, combine, format."""
