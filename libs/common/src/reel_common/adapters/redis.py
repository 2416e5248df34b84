"""The noticeboard on Redis. All of it may be lost at any time, so nothing here raises, waits or insists."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar, cast

import redis.asyncio
import structlog
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from reel_common.adapters.following import Followers
from reel_common.ports.noticeboard import Progress

T = TypeVar("T")

log = structlog.get_logger(__name__)

_PREFIX = "reel:progress:"
_KEPT_S = 24 * 3600
_TIMEOUT_S = 0.5
_COOL_DOWN_S = 2.0
_LISTEN_S = 5.0
_AWAY = (RedisError, OSError)

_RECORD = """
local there = redis.call('HGET', KEYS[1], ARGV[1])
if there and tonumber(string.match(there, '^%d+') or '0') > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', KEYS[1], ARGV[3])
return 1
"""


def connect(url: str) -> RedisNoticeboard:
    """A noticeboard that connects with its first call, and again after every outage."""
    return RedisNoticeboard(url)


class RedisNoticeboard:
    """The ``Noticeboard`` on Redis: a hash per job, and a channel of the same name.

    After a failure it does not ask for two seconds, so that a dead Redis costs a caller half a second once in a while
    and nothing in between.
    """

    def __init__(self, url: str) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._record = self._redis.register_script(_RECORD)
        self._away = False
        self._asks_again = 0.0
        self._followers = Followers()
        self._changed = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def record(self, note: Progress) -> None:
        """Puts up the newest note of a step, unless a later try of it has one."""
        arguments: list[str | int] = [note.step, note.epoch, json.dumps(asdict(note)), _KEPT_S]
        await self._ask(lambda: self._record(keys=[_PREFIX + note.job], args=arguments))

    async def read(self, job: str) -> list[Progress]:
        """The newest note of each step; nothing while Redis is away."""
        found = await self._ask(lambda: cast("Awaitable[dict[str, str]]", self._redis.hgetall(_PREFIX + job)))
        notes = (_note(text.partition(" ")[2]) for text in (found or {}).values())
        return [note for note in notes if note is not None]

    def follow(self, job: str) -> AsyncIterator[Progress]:
        """From about now on: the first notes may be missed. One connection serves all followers of a process."""
        following = self._followers.add(job)
        if following.ended:
            return following
        self._changed.set()
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="redis noticeboard")
        return following

    async def close(self) -> None:
        """Iterators end."""
        self._followers.end()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        with suppress(*_AWAY):
            await self._redis.aclose()

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T | None:
        if time.monotonic() < self._asks_again:
            return None
        if self._away:  # one call tries; the others do not wait for what it finds
            self._asks_again = time.monotonic() + _COOL_DOWN_S
        try:
            async with asyncio.timeout(2 * _TIMEOUT_S):
                answer = await question()
        except _AWAY as e:
            if not self._away:
                log.warning("noticeboard_away", error=repr(e))
            self._away, self._asks_again = True, time.monotonic() + _COOL_DOWN_S
            return None
        self._away, self._asks_again = False, 0.0
        return answer

    async def _listen(self) -> None:
        """Hears for all followers until there are none, through all outages."""
        while self._followers.jobs():
            try:
                async with self._redis.pubsub() as channels:
                    await self._hear(channels)
            except _AWAY:
                await asyncio.sleep(_COOL_DOWN_S)
            except Exception:
                log.exception("noticeboard_listener_failed")
                await asyncio.sleep(_COOL_DOWN_S)

    async def _hear(self, channels: PubSub) -> None:
        await channels.subscribe(_PREFIX)  # nobody speaks there; it makes an idle connection one to read from
        subscribing = asyncio.create_task(self._subscribe(channels))
        try:
            silent = False
            while self._followers.jobs():
                if subscribing.done():
                    return subscribing.result()
                message = await channels.get_message(timeout=_LISTEN_S)
                if message is not None:
                    silent = False
                    self._tell(message)
                elif silent:
                    raise TimeoutError("Redis did not answer a ping")
                else:
                    silent = True
                    await channels.ping()
        finally:
            subscribing.cancel()
            await asyncio.gather(subscribing, return_exceptions=True)

    async def _subscribe(self, channels: PubSub) -> None:
        """Writes while ``_hear`` reads: a new follower need not wait for the next message."""
        subscribed: set[str] = set()
        while True:
            self._changed.clear()
            wanted = self._followers.jobs()
            for job in wanted - subscribed:
                await channels.subscribe(_PREFIX + job)
            for job in subscribed - wanted:
                await channels.unsubscribe(_PREFIX + job)
            subscribed = wanted
            try:
                async with asyncio.timeout(_LISTEN_S):
                    await self._changed.wait()
            except TimeoutError:
                continue  # to leave channels that nobody follows any more

    def _tell(self, message: Mapping[str, Any]) -> None:
        note = _note(message["data"]) if message.get("type") == "message" else None
        if note is not None:
            self._followers.tell(note)


def _note(text: object) -> Progress | None:
    """None for what is no note of ours: others may write to this Redis too."""
    try:
        fields = json.loads(str(text))
        return Progress(**{name: value for name, value in fields.items() if name in Progress.__dataclass_fields__})
    except (ValueError, TypeError, AttributeError):
        return None
