"""The built-in provider: rules and statistics, without a language model and without network."""
