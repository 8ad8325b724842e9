"""What this machine keeps of a connection profile: marks of failure groups."""
