"""Which stages of messages are due, and the batch of messages as the unit of work."""
