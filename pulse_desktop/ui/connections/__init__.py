"""Connections in the window: the manager of profiles, the form, the test, the password prompt."""
