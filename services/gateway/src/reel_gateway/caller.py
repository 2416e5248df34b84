"""Who asks. Every route but health and the page itself takes a ``Caller``: the owner that all reading and writing is for."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from reel_common.errors import Code
from reel_gateway.dependencies import Dependencies, Deps
from reel_gateway.problems import RefusedError
from reel_gateway.signing import MediaLinks

LOCAL = "local"
"""The one owner, until there are accounts."""

_bearer = HTTPBearer(auto_error=False, scheme_name="token")
_Shown = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


def caller(deps: Deps, shown: _Shown) -> str:
    """The owner. Raises: RefusedError(UNAUTHENTICATED) when a token is wanted and this is not it."""
    if not deps.settings.secret or _is_the_token(deps, shown):
        return LOCAL
    raise _unauthenticated(wrong=shown is not None)


def caller_by_link(
    request: Request,
    deps: Deps,
    shown: _Shown,
    exp: Annotated[str | None, Query(pattern="^[0-9]{1,12}$", description="When the signature expires.")] = None,
    sig: Annotated[str | None, Query(pattern="^[A-Za-z0-9_-]{43}$", description="Signature of the address.")] = None,
) -> str:
    """The owner, also by a signed media address: what a browser's player follows cannot carry a header."""
    if exp is None or sig is None or not deps.settings.secret:
        return caller(deps, shown)
    if MediaLinks(deps.settings).holds(LOCAL, request.path_params["asset"].lower(), exp, sig):
        return LOCAL
    raise _unauthenticated(wrong=True)


Caller = Annotated[str, Depends(caller)]
LinkCaller = Annotated[str, Depends(caller_by_link)]


def _is_the_token(deps: Dependencies, shown: HTTPAuthorizationCredentials | None) -> bool:
    given = shown.credentials if shown else ""
    return hmac.compare_digest(given.encode(), deps.settings.secret.encode())


def _unauthenticated(*, wrong: bool) -> RefusedError:
    detail = "The token or signature is not known, or has expired." if wrong else "This server wants a token."
    challenge = 'Bearer realm="reel"' + (', error="invalid_token"' if wrong else "")
    return RefusedError(
        Code.UNAUTHENTICATED,
        detail,
        hint="Send it as Authorization: Bearer. The server showed it when it was first started.",
        headers={"WWW-Authenticate": challenge},
    )
