"""Every answer to a client's question. Triggers call answers; answers call gateway and retrieval."""
