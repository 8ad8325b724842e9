"""Headless TaskIQ workers: they score, embed and read messages, and tell what they do."""
