"""The doors for programs that read: every route of them, in one list."""

from __future__ import annotations

from litestar.types import ControllerRouterHandler

from server import api_feed, api_reports, metrics, openapi

ROUTES: list[ControllerRouterHandler] = [
    *api_feed.ROUTES,
    *api_reports.ROUTES,
    *metrics.ROUTES,
    *openapi.ROUTES,
]
