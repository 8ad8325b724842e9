"""Views of JSON and other decoded values, as a tree and as text."""
