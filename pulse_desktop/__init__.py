"""Pulse Desktop: a live monitor for TaskIQ workers on NATS."""

__version__ = "0.1.0"
