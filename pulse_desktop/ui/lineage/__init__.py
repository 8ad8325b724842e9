"""Short tables and charts about the runs around one run; pages and windows share them."""
