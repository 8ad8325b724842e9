"""Connection profiles: where they are stored, their secrets, and contexts of the NATS CLI."""
