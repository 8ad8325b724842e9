"""Queries of a table: the query field with completion, filters from cells, and saved views."""
