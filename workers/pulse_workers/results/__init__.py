"""The result backend: results and progress as JSON in the Object Store."""
