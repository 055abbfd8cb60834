"""Shapes of HTTP bodies and queue messages. Queue messages carry a version: old ones may still be waiting."""
