"""The workers page."""
