"""``/v1/assets``: uploads, what became of them, and their bytes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from reel_common.domain import keys
from reel_common.domain.ids import new_id
from reel_common.errors import Code
from reel_common.ledger import NewJob, Outcome
from reel_common.ledger.reading import Filter
from reel_common.ledger.showing import AssetRow
from reel_common.ports.library import AssetState
from reel_gateway.caller import Caller, LinkCaller
from reel_gateway.closing import Stream
from reel_gateway.dependencies import Dependencies, Deps
from reel_gateway.links import At
from reel_gateway.naming import attachment, display_name, sniffed_type
from reel_gateway.objects import AssetObject, Page
from reel_gateway.parameters import AssetId, Key, PageQuery, Wait, fingerprint
from reel_gateway.presenting import asset_object, page_of
from reel_gateway.problems import RefusedError, not_found
from reel_gateway.ranges import Range, UnsatisfiableError, wanted
from reel_gateway.receiving import Received
from reel_gateway.starting import Asked, made_before, start
from reel_gateway.waiting import when

router = APIRouter(prefix="/v1/assets", tags=["assets"])

_UNDER_WAY = frozenset({AssetState.UPLOADING, AssetState.INGESTING})
_BYTES = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}


class AssetsQuery(PageQuery):
    """Which assets."""

    state: AssetState | None = None
    role: Annotated[str | None, Field(pattern="^[a-z]{1,20}$")] = None


@router.put("", status_code=201, openapi_extra=_BYTES)
async def upload(
    request: Request,
    response: Response,
    deps: Deps,
    owner: Caller,
    at: At,
    key: Key,
    name: Annotated[str, Query(description="What the file is called.")] = "",
) -> AssetObject:
    """Takes a file as the body, whole; a digest header is checked. It can be edited once it has been looked at."""
    name = display_name(name)
    async with deps.receiver.received(request) as received:
        asked = Asked(owner, key, fingerprint("upload", name, received.sha256))
        started = await made_before(deps, asked, "job")
        if started is None:
            await deps.library.keep(owner, received.path, received.sha256, sniffed_type(received.head))
            started = await start(deps, asked, _ingest(owner, name, received))
    job = await deps.reading.job(owner, started.id)
    asset = await _asset(deps, owner, job.request["asset"] if job else "")
    if started.again:
        response.headers["Idempotent-Replayed"] = "true"
    response.headers["Location"] = at.to("assets", asset.id)
    return asset_object(asset, at)


def _ingest(owner: str, name: str, received: Received) -> NewJob:
    asset = {
        "id": new_id(),
        "role": "original",
        "state": AssetState.INGESTING,
        "name": name,
        "media_type": sniffed_type(received.head),
        "sha256": received.sha256,
        "size": received.size,
    }
    return NewJob("ingest", owner, {"asset": asset["id"]}, subject=f"asset:{asset['id']}", asset=asset)


@router.get("")
async def list_assets(deps: Deps, owner: Caller, at: At, query: Annotated[AssetsQuery, Query()]) -> Page[AssetObject]:
    """Uploads and what was made of them, newest first."""
    states = (query.state,) if query.state else ()
    which = Filter(statuses=states, role=query.role, before=query.before, limit=query.limit + 1)
    return page_of(await deps.reading.assets(owner, which), query.limit, lambda a: asset_object(a, at))


@router.get("/{asset}")
async def get_asset(deps: Deps, owner: Caller, at: At, asset: AssetId, wait: Wait, request: Request) -> AssetObject:
    """One asset; with ``wait``, as soon as an upload has been looked at."""
    row = await _asset(deps, owner, asset)
    job = row.job if row.state in _UNDER_WAY else None
    row = await when(deps, job, lambda: _asset(deps, owner, asset), lambda a: a.state not in _UNDER_WAY, wait, request)
    return asset_object(row, at)


@router.delete("/{asset}", status_code=204)
async def delete_asset(deps: Deps, owner: Caller, asset: AssetId) -> None:
    """Deletes a file with its renditions. Sessions that began with it keep their results, and can be edited no more."""
    row = await deps.reading.asset(owner, asset)
    if row is None:
        raise not_found("asset")
    if await deps.reading.delete_asset(owner, asset):
        if row.state in _UNDER_WAY and row.job:
            deps.announce(await deps.ledger.cancel(row.job))
            await deps.reading.delete_asset(owner, asset)  # a rendition may have been made meanwhile
        deps.announce(Outcome(needs=(f"asset:{asset}",)))  # jobs that wait for it have waited in vain


@router.get("/{asset}/content", response_class=Response)
@router.head("/{asset}/content", response_class=Response)
async def content(deps: Deps, owner: LinkCaller, asset: AssetId, request: Request) -> Response:
    """The bytes, whole or a range of them, as a download under the file's own name."""
    row = await _asset(deps, owner, asset)
    etag = f'"{row.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Disposition": attachment(row.name),
        "Content-Type": row.media_type,
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-cache",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    key = keys.artifact(owner, row.sha256)
    stored = await deps.store.stat(key)
    if stored is None:
        raise RefusedError(Code.GONE, "The bytes of this file are not there any more.")
    part = _range(request, etag, stored.size)
    headers["Content-Length"] = str(part.length if part else stored.size)
    if request.method == "HEAD":
        return Response(headers=headers)
    if part is None:
        return Stream(deps.store.stream(key, 0, stored.size), headers=headers)
    headers["Content-Range"] = part.content_range
    return Stream(deps.store.stream(key, part.start, part.length), 206, headers=headers)


def _range(request: Request, etag: str, size: int) -> Range | None:
    """Raises: RefusedError(RANGE)."""
    condition = request.headers.get("if-range")
    if request.method == "HEAD" or (condition is not None and condition != etag):
        return None
    try:
        return wanted(request.headers.get("range"), size)
    except UnsatisfiableError:
        detail = f"The file has {size} bytes, and the range lies outside of them."
        raise RefusedError(Code.RANGE, detail, headers={"Content-Range": f"bytes */{size}"}) from None


async def _asset(deps: Dependencies, owner: str, asset: str) -> AssetRow:
    """Raises: RefusedError(NOT_FOUND, GONE)."""
    row = await deps.reading.asset(owner, asset)
    if row is None:
        raise not_found("asset")
    if row.state == AssetState.DELETED:
        raise RefusedError(Code.GONE, "This file has been deleted.")
    return row
