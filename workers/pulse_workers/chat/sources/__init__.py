"""Sources of chat messages."""
