"""Every message class by its type. A retired version stays here until no queue can hold it any more."""

from __future__ import annotations

from pydantic import ValidationError

from reel_common.messages import events
from reel_common.messages.envelope import Envelope, NotUnderstoodError

_CLASSES = [
    c for c in vars(events).values() if isinstance(c, type) and issubclass(c, events.Body) and "TYPE" in vars(c)
]
MESSAGES: dict[str, type[events.Body]] = {c.TYPE: c for c in _CLASSES}


def read_body(envelope: Envelope) -> events.Body | None:
    """The body as its class, or None for a type that is newer than this code (it rings, it is not read).

    Raises: NotUnderstoodError when the body does not fit its own class.
    """
    known = MESSAGES.get(envelope.type)
    if known is None:
        return None
    try:
        return known.model_validate(envelope.body)
    except ValidationError as e:
        raise NotUnderstoodError(
            "; ".join(f"{'.'.join(map(str, x['loc']))}: {x['type']}" for x in e.errors())
        ) from None
