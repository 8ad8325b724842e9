"""The agents: prompts, schemas, validation of answers, and traced calls."""
