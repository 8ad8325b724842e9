"""Filters over task runs, and the fingerprint that groups failures. Pure functions."""
