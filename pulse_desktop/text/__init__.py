"""Text that an operator reads, shared by the window and the command line. No Qt."""
