"""Files and vector stores, and the way of a document from blob to searchable chunks."""
