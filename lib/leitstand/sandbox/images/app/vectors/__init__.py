"""The store of embeddings: a stage of its own, with its own migrations and timeouts."""
