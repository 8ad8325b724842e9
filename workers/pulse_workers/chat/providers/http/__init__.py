"""Model clients over HTTP: wire formats, retries, budgets and the circuit breaker."""
