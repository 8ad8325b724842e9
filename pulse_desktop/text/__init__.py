"""Text for the operator, shared by the window and the command line. No Qt."""
