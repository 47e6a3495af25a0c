"""OpenAPI documents for the tests: a shop that uses most of the format, and the means to write small ones."""

from __future__ import annotations

import json
from typing import Any

from tools.openapi import Document, Operation, operations_of, read_document

Json = dict[str, Any]


def document(paths: Json, *, version: str = "3.1.0", **rest: Any) -> Document:
    return read_document(
        json.dumps({"openapi": version, "info": {"title": "Test", "version": "1"}, "paths": paths, **rest})
    )


def only(paths: Json, **rest: Any) -> Operation:
    """The single operation of a document."""
    (operation,) = operations_of(document(paths, **rest))
    return operation


def query(*parameters: Json, **rest: Any) -> Operation:
    """GET /things with these query parameters."""
    given = [{"in": "query", **parameter} for parameter in parameters]
    return only({"/things": {"get": {"operationId": "things", "parameters": given}}}, **rest)


def posted(schema: Any, *, content_type: str = "application/json", required: bool = True, **rest: Any) -> Operation:
    """POST /things with a body of this schema; `media` holds what stands beside it."""
    media = {"schema": schema, **rest.pop("media", {})}
    body = {"required": required, "content": {content_type: media}}
    return only({"/things": {"post": {"operationId": "post_thing", "requestBody": body}}}, **rest)


def components(**schemas: Any) -> Json:
    return {"components": {"schemas": schemas}}


SHOP_30 = """
openapi: 3.0.3
info: {title: Shop, version: 1.0.0}
servers:
  - url: https://{region}.shop.example/{base}
    variables:
      region: {default: eu}
      base: {default: v2, enum: [v1, v2]}
security: [{key: []}]
tags: &tags [orders]
paths:
  /orders:
    parameters:
      - {$ref: '#/components/parameters/Locale'}
    get:
      operationId: list-orders
      summary: List orders
      description: "Newest first. Countries such as NO are ISO codes."
      tags: *tags
      parameters:
        - {name: status, in: query, schema: {type: array, items: {type: string, enum: [open, no, yes]}}}
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {min: {type: integer}}}}
        - {name: since, in: query, schema: {type: string, format: date}, example: 2026-01-31}
    post:
      operationId: create-order
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/NewOrder'}
  /orders/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer, minimum: 0, exclusiveMinimum: true}}
    delete: {operationId: list-orders, deprecated: true}
    put:
      requestBody:
        content:
          multipart/form-data: {schema: {type: object}}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Api-Key}
  parameters:
    Locale: {name: Accept-Locale, in: header, schema: {type: string}}
  schemas:
    Base:
      type: object
      required: [id, kind]
      properties:
        id: {type: integer, readOnly: true}
        kind: {type: string, nullable: true, enum: [gift, plain]}
    NewOrder:
      allOf:
        - $ref: '#/components/schemas/Base'
        - type: object
          required: [lines]
          properties:
            lines: {type: array, items: {$ref: '#/components/schemas/Line'}}
            note: {allOf: [{$ref: '#/components/schemas/Note'}], nullable: true}
    Line:
      type: object
      properties:
        sku: {type: string}
        parts: {type: array, items: {$ref: '#/components/schemas/Line'}}
    Note: {type: string, maxLength: 20}
"""
