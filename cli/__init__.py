"""The command line: `python -m cli`. A client like any other, over HTTP; it imports nothing of the platform."""
