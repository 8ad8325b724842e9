"""Recordings: what a session received, in a file that another machine opens without a server."""
