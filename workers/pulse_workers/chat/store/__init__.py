"""Records in NATS buckets: messages, scores, stages, vectors, knowledge and state."""
