"""The query fields of each kind of rows: what the query language can ask of them."""
