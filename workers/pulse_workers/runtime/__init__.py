"""What each of our processes needs: a connection, storage, periodic tasks, logging, shutdown."""
