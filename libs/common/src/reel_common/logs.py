"""Logging: JSON where a machine reads, colours where a person does; context variables carry job, step and attempt."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

MOST = 2000
"""Characters of one value: a prompt or a header cannot flood a log line."""


def configure(service: str, *, json: bool | None = None, level: str = "info") -> None:
    """Once, at the start of a process. ``json`` of None: JSON unless stderr is a terminal."""
    as_json = not sys.stderr.isatty() if json is None else json
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _cut,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    for noisy in ("aio_pika", "aiormq"):  # they report every lost connection as an error; we say it once ourselves
        logging.getLogger(noisy).setLevel(logging.CRITICAL)


def _cut(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and len(value) > MOST:
            event[key] = value[:MOST] + "…"
    return event
