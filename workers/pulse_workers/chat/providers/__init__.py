"""Providers: the interface, and the built-in implementation."""
