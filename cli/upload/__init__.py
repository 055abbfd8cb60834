"""Bringing folders into a vector store: which files, what is there already, sending, waiting until they are indexed."""
