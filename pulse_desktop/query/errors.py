"""Errors in a query, with the part of the text that they are about."""


class QueryError(ValueError):
    """A query that cannot be understood.

    Attributes:
        message: what is wrong and what to type instead, for the operator.
        start: index of the first character that it is about.
        end: index after the last one; equal to `start` where something is missing.
    """

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
