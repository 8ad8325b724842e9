"""The page of chat messages and their scores."""
