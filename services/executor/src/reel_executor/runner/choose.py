"""Which sandbox there is here: the one that was asked for, or the best that works. Each is tried before it counts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from reel_common.domain.program import Engine, Limits, Program
from reel_common.errors import ReelError, SandboxUnavailableError
from reel_executor.runner.isolation import Isolation
from reel_executor.runner.running import perform
from reel_executor.runner.spool import Spool

log = logging.getLogger("reel.runner")

_TRIAL = Program(Engine.FFMPEG, ("-hide_banner", "-version"), limits=Limits(wall=timedelta(seconds=30)))


async def choose(name: str, spool: Spool, image: str) -> Isolation:
    """The sandbox called ``name``; for ``auto`` the first of docker, bubblewrap and confined that works.

    What dead runners of this spool left is gone afterwards.
    Raises: SandboxUnavailableError with the reason of each that does not work.
    """
    makers: dict[str, Callable[[], Awaitable[Isolation]]] = {
        "docker": lambda: _docker(spool, image),
        "bubblewrap": _bubblewrap,
        "confined": _confined,
    }
    reasons: list[str] = []
    for candidate in makers if name == "auto" else (name,):
        try:
            isolation = await makers[candidate]()
        except SandboxUnavailableError as error:
            _pass_over(candidate, error, reasons)
            continue
        try:
            await isolation.sweep()
            await _try(isolation, spool)
        except SandboxUnavailableError as error:
            _pass_over(candidate, error, reasons)
            await isolation.close()
        except BaseException:
            await isolation.close()
            raise
        else:
            return isolation
    raise SandboxUnavailableError("no sandbox works here; " + "; ".join(reasons))


def _pass_over(candidate: str, error: SandboxUnavailableError, reasons: list[str]) -> None:
    log.warning("The sandbox %s does not work here: %s", candidate, error.detail)
    reasons.append(f"{candidate}: {error.detail}")


async def _try(isolation: Isolation, spool: Spool) -> None:
    """Whether a program can be run at all."""
    await isolation.digest()
    run = await asyncio.to_thread(spool.prepare, _TRIAL)
    try:
        completed = await perform(isolation, run, spool.check_room)
    except ReelError as error:
        raise SandboxUnavailableError(error.detail) from error
    finally:
        await asyncio.to_thread(spool.discard, run)
    if completed.exit != 0:
        words = completed.stderr[-300:].decode(errors="replace")
        raise SandboxUnavailableError(f"FFmpeg ended with {completed.exit} in it: {' '.join(words.split())}")


# Imported when wanted: a product client that is not installed is a reason like any other.


async def _docker(spool: Spool, image: str) -> Isolation:
    try:
        from reel_executor.runner.adapters.containers import Containers  # noqa: PLC0415
        from reel_executor.runner.adapters.docker import Docker  # noqa: PLC0415
    except ImportError as error:
        raise SandboxUnavailableError(f"its client is not installed ({error.name})") from error
    return Docker(await asyncio.to_thread(Containers), image, spool.root)


async def _bubblewrap() -> Isolation:
    from reel_executor.runner.adapters.bubblewrap import Bubblewrap  # noqa: PLC0415
    from reel_executor.runner.adapters.engines import host_engines  # noqa: PLC0415
    from reel_executor.runner.adapters.grouping import find_groups  # noqa: PLC0415

    return Bubblewrap(host_engines(), find_groups())


async def _confined() -> Isolation:
    from reel_executor.runner.adapters.confined import Confined  # noqa: PLC0415
    from reel_executor.runner.adapters.engines import host_engines  # noqa: PLC0415
    from reel_executor.runner.adapters.grouping import find_groups  # noqa: PLC0415

    return Confined(host_engines(), find_groups())
