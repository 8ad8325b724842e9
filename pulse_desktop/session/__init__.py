"""Everything about one server: connection, ingest, results, task submission, commands."""
