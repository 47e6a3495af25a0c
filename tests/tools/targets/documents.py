"""An OpenAPI document of a company's whole API, large enough that nobody would want all of it."""

from __future__ import annotations

from typing import Any

THINGS = (
    "order",
    "invoice",
    "parcel",
    "address",
    "coupon",
    "return",
    "ticket",
    "supplier",
    "product",
    "price",
    "store",
)
TEXT = {"type": "string"}


def document(*, things: tuple[str, ...] = THINGS, summary: str = "One {}") -> dict[str, Any]:
    """Five operations for each thing, and one with a form."""
    paths: dict[str, Any] = {}
    for thing in things:
        paths |= paths_of(thing, summary)
    paths["/login"] = {
        "post": {
            "operationId": "login",
            "requestBody": {
                "required": True,
                "content": {
                    "application/x-www-form-urlencoded": {
                        "schema": {
                            "type": "object",
                            "properties": {"name": TEXT, "colours": {"type": "array", "items": TEXT}},
                        }
                    }
                },
            },
            "responses": {},
        }
    }
    return {"openapi": "3.1.0", "info": {"title": "Everything", "version": "1"}, "paths": paths}


def paths_of(thing: str, summary: str) -> dict[str, Any]:
    by_id = [{"name": "id", "in": "path", "required": True, "schema": TEXT}]
    body = {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {"note": TEXT, "amount": {"type": "number"}},
                    "required": ["note"],
                }
            }
        },
    }
    return {
        f"/{thing}s": {
            "get": {
                "operationId": f"list_{thing}s",
                "parameters": [
                    {"name": "status", "in": "query", "schema": {"type": "array", "items": TEXT}},
                    {"name": "X-Shop", "in": "header", "schema": TEXT},
                ],
                "responses": {},
            },
            "post": {"operationId": f"create_{thing}", "requestBody": body, "responses": {}},
        },
        f"/{thing}s/{{id}}": {
            "get": {
                "operationId": f"get_{thing}",
                "summary": summary.format(thing),
                "parameters": by_id,
                "responses": {},
            },
            "patch": {"operationId": f"change_{thing}", "parameters": by_id, "requestBody": body, "responses": {}},
            "delete": {"operationId": f"delete_{thing}", "parameters": by_id, "responses": {}},
        },
    }
