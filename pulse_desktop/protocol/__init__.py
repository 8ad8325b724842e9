"""Wire formats: topics, events, task messages, results, control messages. No I/O, no Qt."""
