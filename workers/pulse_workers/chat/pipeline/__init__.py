"""Which stages of messages are missing, and the batch of messages as the unit of work."""
