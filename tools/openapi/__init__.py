"""OpenAPI 3.0 and 3.1: a document becomes tools, and a tool's call an HTTP request. Pure functions, no network."""

from tools.openapi.document import Document, read_document
from tools.openapi.operations import Operation, definition_of, operations_of
from tools.openapi.reading import DocumentRefused
from tools.openapi.request import Request, build_request
from tools.openapi.security import SecurityScheme, security_of
from tools.openapi.servers import server_warnings, servers_of

__all__ = [
    "Document",
    "DocumentRefused",
    "Operation",
    "Request",
    "SecurityScheme",
    "build_request",
    "definition_of",
    "operations_of",
    "read_document",
    "security_of",
    "server_warnings",
    "servers_of",
]
