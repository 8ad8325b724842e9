"""Endurance tests that run for hours."""
