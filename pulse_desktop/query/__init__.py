"""Queries over task runs: the run filter and the failure fingerprint. Pure functions."""
