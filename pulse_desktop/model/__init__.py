"""Plain values that every layer may use: errors, statuses, outcomes, redaction."""
