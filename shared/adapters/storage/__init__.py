"""Azure Storage, and Azurite on a laptop: queues over REST, blobs through the SDK."""
