"""The overview page: health of the system, and what needs attention."""
