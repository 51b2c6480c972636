"""Packs of golden vectors: what a pack holds of a case, its files, their hashes, and making it again."""
