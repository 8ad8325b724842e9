"""The messages page."""
