"""The query language: one for the window, the command line, bulk acts and alerts. Pure functions.

`docs/query-language.md` describes it.
"""

from pulse_desktop.query.completion import Completion, CompletionItem, ValueCount, complete
from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.fields import Field, FieldIndex, FieldKind, FieldSet
from pulse_desktop.query.matcher import Matcher, compile_query
from pulse_desktop.query.parser import parse
from pulse_desktop.query.query_edit import with_condition
from pulse_desktop.query.quoting import quote
from pulse_desktop.query.syntax import QUERY_VERSION, Query

__all__ = (
    "QUERY_VERSION",
    "Completion",
    "CompletionItem",
    "Field",
    "FieldIndex",
    "FieldKind",
    "FieldSet",
    "Matcher",
    "Query",
    "QueryError",
    "ValueCount",
    "compile_query",
    "complete",
    "parse",
    "quote",
    "with_condition",
)
