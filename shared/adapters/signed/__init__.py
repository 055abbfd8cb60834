"""Tokens that a directory signs: the directory itself, and the keys it publishes."""
