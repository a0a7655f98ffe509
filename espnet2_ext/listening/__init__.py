"""Listening tests: a page for the ears of people, and what their answers say."""
