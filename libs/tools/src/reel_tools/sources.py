"""The files that operations work on, as a step names them: by the ids of their owner's assets."""

from __future__ import annotations

from collections.abc import Sequence

from reel_common.errors import Code, PermanentError, TransientError
from reel_common.ports.library import AssetState, Library
from reel_common.ports.tool import Source


async def sources_of(library: Library, owner: str, assets: Sequence[str]) -> list[Source]:
    """The sources in that order.

    Raises: PermanentError(NOT_FOUND, GONE, INPUT_MISSING) when one cannot be had any more, TransientError when one is
    still being looked at.
    """
    return [await _source_of(library, owner, asset) for asset in assets]


async def _source_of(library: Library, owner: str, asset_id: str) -> Source:
    asset = await library.asset(owner, asset_id)
    if asset is None:
        raise PermanentError(Code.NOT_FOUND, "The file to edit is not there.", hint="Upload it again.")
    if asset.state is AssetState.DELETED:
        raise PermanentError(Code.GONE, "The file to edit has been deleted.", hint="Upload it again.")
    if asset.state is AssetState.REJECTED:
        raise PermanentError(Code.INPUT_MISSING, "The file to edit was rejected when it was uploaded.")
    if asset.facts is None:
        raise TransientError("The file to edit is still being looked at.")
    return Source(asset.sha256, asset.facts)
