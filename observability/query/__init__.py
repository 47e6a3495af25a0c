"""The query language: CloudWatch Logs Insights' over the traces. docs/insights.md describes it.

A text is read (`reading.py`), compiled to one SELECT over the view `observability_event` (`compiling.py`,
`expressions.py`), and run in a transaction that can write nothing (`running.py`). No text of a query enters SQL.
"""

from observability.query.aggregates import FUNCTIONS
from observability.query.commands import COMMANDS
from observability.query.compiling import Column, Compiled, compile_query
from observability.query.errors import QueryError
from observability.query.fields import FIELDS, FieldDoc
from observability.query.functions import FunctionDoc
from observability.query.running import Answer, Place, as_text, run_query

__all__ = [
    "COMMANDS",
    "FIELDS",
    "FUNCTIONS",
    "Answer",
    "Column",
    "Compiled",
    "FieldDoc",
    "FunctionDoc",
    "Place",
    "QueryError",
    "as_text",
    "compile_query",
    "run_query",
]
