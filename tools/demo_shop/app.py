"""The routes of the demo shop."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from http import HTTPStatus
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tools.demo_shop.errors import ShopError
from tools.demo_shop.faults import FaultControl, FaultMiddleware, Faults
from tools.demo_shop.inputs import (
    check_idempotency_key,
    check_order_id,
    read_cancellation_request,
    read_customer,
    read_json_object,
    read_optional_order_id,
    read_refund_request,
)
from tools.demo_shop.money import format_amount
from tools.demo_shop.openapi import DOCUMENT
from tools.demo_shop.store import Store

logger = logging.getLogger("demo_shop")


def make_app(store: Store) -> Starlette:
    """The service on an open store, which stays the caller's to close."""
    shop = Shop(store)
    control = shop.control
    app = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/openapi.json", openapi),
            Route("/orders", shop.list_orders),
            Route("/orders/{order_id}", shop.get_order),
            Route("/orders/{order_id}/cancellation", shop.cancel_order, methods=["POST"]),
            Route("/refunds", shop.refunds, methods=["GET", "POST"]),
            # A key may hold slashes.
            Route("/refunds/by-key/{key:path}", shop.get_refund_by_key),
            Route("/_refunds", shop.list_all_refunds),
            Route("/_faults", shop.faults, methods=["GET", "PUT", "DELETE"]),
        ],
        middleware=[Middleware(FaultMiddleware, control=control)],
        exception_handlers={
            ShopError: answer_refusal,
            HTTPException: answer_http_exception,
            ClientDisconnect: answer_disconnect,
            sqlite3.OperationalError: answer_database_trouble,
            Exception: answer_bug,
        },
    )
    app.router.redirect_slashes = False
    return app


class Shop:
    """The route functions that need the store or the faults.

    Reads take microseconds and run on the event loop; a write waits for the disk, so it runs in a thread.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.control = FaultControl()

    async def list_orders(self, request: Request) -> Response:
        orders = self.store.list_orders_for(read_customer(request))
        return JSONResponse({"orders": [order.as_json(self.store.today()) for order in orders]})

    async def get_order(self, request: Request) -> Response:
        order_id = check_order_id(request.path_params["order_id"])
        order = self.store.get_order_for(read_customer(request), order_id)
        return JSONResponse(order.as_json(self.store.today()))

    async def cancel_order(self, request: Request) -> Response:
        wanted = await read_cancellation_request(request)
        cancellation, replayed = await asyncio.to_thread(self.store.cancel_order, wanted)
        if not replayed:
            logger.info("order %s cancelled", cancellation.order_id)
        return answer_write(cancellation.as_json(), replayed=replayed)

    async def refunds(self, request: Request) -> Response:
        return await (self.create_refund(request) if request.method == "POST" else self.list_refunds(request))

    async def list_refunds(self, request: Request) -> Response:
        refunds = self.store.list_refunds_for(read_customer(request), read_optional_order_id(request))
        return JSONResponse({"refunds": [refund.as_json() for refund in refunds]})

    async def create_refund(self, request: Request) -> Response:
        wanted = await read_refund_request(request)
        refund, replayed = await asyncio.to_thread(self.store.create_refund, wanted)
        if not replayed:
            amount = f"{refund.currency} {format_amount(refund.amount)}"
            logger.info("refund %s of %s for order %s", refund.refund_id, amount, refund.order_id)
        return answer_write(refund.as_json(), replayed=replayed)

    async def get_refund_by_key(self, request: Request) -> Response:
        key = check_idempotency_key(request.path_params["key"])
        return JSONResponse(self.store.get_refund_by_key(key).as_json())

    async def list_all_refunds(self, request: Request) -> Response:
        return JSONResponse({"refunds": [refund.as_ledger_json() for refund in self.store.list_all_refunds()]})

    async def faults(self, request: Request) -> Response:
        if request.method == "PUT":
            self.control.faults = Faults.from_json(await read_json_object(request))
        elif request.method == "DELETE":
            self.control.faults = Faults()
        return JSONResponse(self.control.faults.as_json())


async def healthz(request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def openapi(request: Request) -> Response:
    return JSONResponse(DOCUMENT)


def answer_write(body: Any, *, replayed: bool) -> Response:
    if replayed:
        return JSONResponse(body, status_code=200, headers={"Idempotency-Replayed": "true"})
    return JSONResponse(body, status_code=201)


def answer_error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status, headers=headers)


async def answer_refusal(request: Request, error: Exception) -> Response:
    refusal = cast("ShopError", error)
    return answer_error(refusal.status, refusal.code, refusal.message)


async def answer_http_exception(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods."""
    refusal = cast("HTTPException", error)
    code = HTTPStatus(refusal.status_code).phrase.lower().replace(" ", "_")
    headers = dict(refusal.headers) if refusal.headers else None
    return answer_error(refusal.status_code, code, f"{request.method} is not possible on this path.", headers)


async def answer_disconnect(request: Request, error: Exception) -> Response:
    """The client went away in the middle of its request; nobody reads this."""
    return answer_error(400, "incomplete_request", "The request ended early.")


async def answer_database_trouble(request: Request, error: Exception) -> Response:
    """The disk is full, or another process holds the database."""
    logger.error("the database refuses: %s", error)
    message = "The shop's database did not answer. Send the request again with the same Idempotency-Key."
    return answer_error(503, "database_unavailable", message)


async def answer_bug(request: Request, error: Exception) -> Response:
    # The server logs the traceback.
    return answer_error(500, "internal_error", "The shop failed to handle this request.")
