"""Connecting to NATS: addresses, TLS, errors, requests. Shared by desktop and workers."""
