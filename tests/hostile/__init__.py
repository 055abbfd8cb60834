"""Files made to do harm: `python -m tests.hostile FOLDER` writes them, `--update-docs` measures what becomes of them.

Each family is a module with `CASES`; nothing of it lies in the repository as a file.
"""
