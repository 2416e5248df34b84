"""What every ``Bell`` must do. Subclass ``BellConformance`` and give it the fixture ``bells``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from reel_common.messages.envelope import Envelope
from reel_common.messages.topology import MOST_RINGS, Topology
from reel_common.ports.bell import Bell
from reel_common.testing.patience import QUIET_S, until

LEFT, RIGHT = "reel.test.left", "reel.test.right"
TOPOLOGY = Topology(
    {
        "step.requested.v1": (LEFT,),
        "composition.requested.v1": (RIGHT,),
        "job.requested.v1": (LEFT, RIGHT),
        "step.requested.v9": (LEFT,),  # newer than this code
    }
)

Bells = Callable[[], Awaitable[Bell]]
"""Each call gives the bell of another process on one and the same broker, with ``TOPOLOGY``. Who made it closes it."""


def order(kind: str = "step.requested.v1", step: str = "s1") -> Envelope:
    """An order as the ledger's outbox makes them."""
    return Envelope(type=kind, job_id="j1", owner_id="o1", trace={"traceparent": "00-1-2-01"}, body={"step": step})


def fact(step: str = "s1") -> Envelope:
    """A hint."""
    return Envelope(type="step.finished.v1", job_id="j1", owner_id="o1", body={"step": step, "seq": 7})


class Listener:
    """Notes what it hears, and answers as it is told."""

    def __init__(self, answer: bool = True) -> None:
        self.answer, self.heard, self.hints = answer, [], []  # type: tuple[bool, list[Envelope], list[Envelope]]

    async def on_ring(self, envelope: Envelope) -> bool:
        """For ``listen``."""
        self.heard.append(envelope)
        return self.answer

    def on_hint(self, envelope: Envelope) -> None:
        """For ``listen_hints``."""
        self.hints.append(envelope)

    @property
    def ids(self) -> list[str]:
        """Of the rings heard, in order."""
        return [envelope.id for envelope in self.heard]


class BellConformance:
    """The suite. ``bells`` is the one thing to provide."""

    @pytest.fixture
    def bells(self) -> Bells:
        """To be overridden."""
        raise NotImplementedError

    async def test_a_ring_arrives_whole(self, bells: Bells) -> None:
        sender, listener = await bells(), Listener()
        await sender.listen([LEFT], listener.on_ring)
        sent = order()
        await sender.ring([sent])
        await until(lambda: bool(listener.heard))
        assert listener.heard == [sent]

    async def test_nothing_to_ring_is_fine(self, bells: Bells) -> None:
        await (await bells()).ring([])

    async def test_only_listeners_of_the_queue_hear(self, bells: Bells) -> None:
        bell, left, right = await bells(), Listener(), Listener()
        await bell.listen([LEFT], left.on_ring)
        await bell.listen([RIGHT], right.on_ring)
        await bell.ring([order("composition.requested.v1")])
        await until(lambda: bool(right.heard))
        await asyncio.sleep(QUIET_S)
        assert not left.heard

    async def test_one_listener_of_a_queue_hears_each_ring(self, bells: Bells) -> None:
        sender, one, two = await bells(), Listener(), Listener()
        for listener in (one, two):
            await (await bells()).listen([LEFT], listener.on_ring)
        sent = [order(step=str(n)) for n in range(40)]
        for each in sent:
            await sender.ring([each])
        await until(lambda: len(one.ids) + len(two.ids) >= len(sent))
        await asyncio.sleep(QUIET_S)
        assert Counter(one.ids + two.ids) == Counter(each.id for each in sent)

    async def test_a_type_may_ring_several_queues(self, bells: Bells) -> None:
        bell, left, right = await bells(), Listener(), Listener()
        await bell.listen([LEFT], left.on_ring)
        await bell.listen([RIGHT], right.on_ring)
        await bell.ring([order("job.requested.v1")])
        await until(lambda: bool(left.heard) and bool(right.heard))

    async def test_one_listener_may_hear_several_queues(self, bells: Bells) -> None:
        bell, both = await bells(), Listener()
        await bell.listen([LEFT, RIGHT], both.on_ring)
        await bell.ring([order(), order("composition.requested.v1")])
        await until(lambda: len(both.heard) == 2)

    async def test_a_batch_rings_a_queue_only_so_often(self, bells: Bells) -> None:
        bell, left, right = await bells(), Listener(), Listener()
        await bell.listen([LEFT], left.on_ring)
        await bell.listen([RIGHT], right.on_ring)
        await bell.ring([*(order() for _ in range(100)), order("composition.requested.v1")])
        await until(lambda: len(left.heard) == MOST_RINGS and len(right.heard) == 1)
        await asyncio.sleep(QUIET_S)
        assert (len(left.heard), len(right.heard)) == (MOST_RINGS, 1)

    async def test_a_ring_waits_for_a_listener(self, bells: Bells) -> None:
        sender, listener = await bells(), Listener()
        await sender.ring([order()])
        await (await bells()).listen([LEFT], listener.on_ring)
        await until(lambda: bool(listener.heard))

    async def test_the_same_message_a_hundred_times_does_no_harm(self, bells: Bells) -> None:
        bell, listener, same = await bells(), Listener(), order()
        await bell.listen([LEFT], listener.on_ring)
        await asyncio.gather(*(bell.ring([same, same]) for _ in range(100)))
        await until(lambda: len(listener.heard) == 100)

    async def test_a_refused_ring_goes_to_another_listener(self, bells: Bells) -> None:
        sender, full, free = await bells(), Listener(answer=False), Listener()
        await (await bells()).listen([LEFT], full.on_ring)
        await sender.ring([order()])
        await until(lambda: bool(full.heard))
        await (await bells()).listen([LEFT], free.on_ring)
        await until(lambda: bool(free.heard))

    async def test_who_refused_hears_nothing_until_ready(self, bells: Bells) -> None:
        sender, bell, listener = await bells(), await bells(), Listener(answer=False)
        await bell.listen([LEFT], listener.on_ring)
        await sender.ring([order()])
        await until(lambda: bool(listener.heard))
        await asyncio.sleep(QUIET_S)
        for _ in range(5):
            await sender.ring([order()])
        await asyncio.sleep(QUIET_S)
        assert len(listener.heard) == 1
        listener.answer = True
        await bell.ready()
        await until(lambda: len(set(listener.ids)) == 6)

    async def test_others_do_not_wait_for_who_refused(self, bells: Bells) -> None:
        sender, full, free = await bells(), Listener(answer=False), Listener()
        await (await bells()).listen([LEFT], full.on_ring)
        await (await bells()).listen([LEFT], free.on_ring)
        sent = [order() for _ in range(20)]
        for each in sent:
            await sender.ring([each])
        await until(lambda: set(free.ids) == {each.id for each in sent})

    async def test_room_that_comes_up_while_refusing_is_not_overlooked(self, bells: Bells) -> None:
        bell, asked, answers = await bells(), asyncio.Event(), [False, True]
        done = asyncio.Event()

        async def on_ring(_: Envelope) -> bool:
            asked.set()
            await asyncio.sleep(0.05)
            answer = answers.pop(0)
            if answer:
                done.set()
            return answer

        await bell.listen([LEFT], on_ring)
        await bell.ring([order()])
        await asked.wait()
        await bell.ready()  # before the refusal is spoken: nobody calls again
        async with asyncio.timeout(5):
            await done.wait()

    async def test_a_listener_that_fails_is_rung_again(self, bells: Bells) -> None:
        bell, calls = await bells(), 0

        async def on_ring(_: Envelope) -> bool:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise LookupError("the ledger is away")
            return True

        await bell.listen([LEFT], on_ring)
        await bell.ring([order()])
        await until(lambda: calls == 2)

    async def test_a_slow_answer_does_not_hold_up_others(self, bells: Bells) -> None:
        bell, never, heard = await bells(), asyncio.Event(), []  # type: tuple[Bell, asyncio.Event, list[str]]

        async def on_ring(envelope: Envelope) -> bool:
            heard.append(envelope.id)
            await never.wait()
            return True

        await bell.listen([LEFT], on_ring)
        for _ in range(3):
            await bell.ring([order()])
        await until(lambda: len(heard) == 3)
        never.set()

    async def test_a_newer_type_rings(self, bells: Bells) -> None:
        bell, listener = await bells(), Listener()
        await bell.listen([LEFT], listener.on_ring)
        await bell.ring([order("step.requested.v9")])
        await until(lambda: bool(listener.heard))

    async def test_a_body_that_does_not_fit_does_not_ring(self, bells: Bells) -> None:
        bell, listener, good = await bells(), Listener(), order()
        await bell.listen([LEFT], listener.on_ring)
        await bell.ring([Envelope(type="step.requested.v1", job_id="j1", owner_id="o1", body={"stop": 1})])
        await bell.ring([good])
        await until(lambda: bool(listener.heard))
        await asyncio.sleep(QUIET_S)
        assert listener.heard == [good]

    async def test_too_large_is_refused(self, bells: Bells) -> None:
        with pytest.raises(ValueError, match="bytes"):
            await (await bells()).ring([order(step="s" * 70_000)])

    async def test_hints_reach_everybody(self, bells: Bells) -> None:
        one, two, three = Listener(), Listener(), Listener()
        first, second = await bells(), await bells()
        for bell, listener in ((first, one), (second, two), (second, three)):
            await bell.listen([LEFT], listener.on_ring)
            await bell.listen_hints(listener.on_hint)
        sent = fact()
        await self.hint_until(first, sent, lambda: bool(one.hints and two.hints and three.hints))
        assert one.hints[0] == sent
        assert not one.heard

    async def test_hints_of_the_types_asked_for(self, bells: Bells) -> None:
        few, late, others = Listener(), Listener(), Listener()
        sender, bell = await bells(), await bells()
        cancelled = Envelope(type="job.cancelled.v1", job_id="j1", owner_id="o1", body={"seq": 1})
        await bell.listen_hints(few.on_hint, ["job.cancelled.v1"])
        await self.hint_until(sender, cancelled, lambda: bool(few.hints))
        await bell.listen_hints(late.on_hint, ["step.finished.v1"])
        await bell.listen_hints(others.on_hint)
        for sent in (fact(), cancelled):
            await self.hint_until(sender, sent, lambda sent=sent: sent in others.hints)  # type: ignore[misc]
        await asyncio.sleep(QUIET_S)
        assert {hint.type for hint in few.hints} == {"job.cancelled.v1"}
        assert {hint.type for hint in late.hints} == {fact().type}

    async def test_a_hint_listener_that_fails_hinders_nobody(self, bells: Bells) -> None:
        bell, listener = await bells(), Listener()

        def fail(_: Envelope) -> None:
            raise LookupError("a bug")

        await bell.listen_hints(fail)
        await bell.listen_hints(listener.on_hint)
        await self.hint_until(bell, fact(), lambda: len(listener.hints) >= 2)

    async def test_hints_never_raise(self, bells: Bells) -> None:
        bell = await bells()
        await bell.hint([fact(), fact(step="s" * 70_000)])
        await bell.close()
        await bell.hint([fact()])

    async def test_close_lets_an_answer_end_and_leaves_the_rest_to_others(self, bells: Bells) -> None:
        sender, leaving, staying = await bells(), await bells(), Listener()
        asked, answered = asyncio.Event(), []  # type: tuple[asyncio.Event, list[str]]

        async def on_ring(envelope: Envelope) -> bool:
            asked.set()
            await asyncio.sleep(0.1)
            answered.append(envelope.id)
            return True

        await leaving.listen([LEFT], on_ring)
        await sender.ring([order()])
        await asked.wait()
        await leaving.close()
        assert len(answered) == 1
        await sender.ring([order()])
        await (await bells()).listen([LEFT], staying.on_ring)
        await until(lambda: len(staying.heard) == 1)
        assert len(answered) == 1

    async def test_after_close_ringing_fails_and_it_is_not_healthy(self, bells: Bells) -> None:
        bell = await bells()
        await bell.ring([order()])
        assert await bell.healthy()
        await bell.close()
        assert not await bell.healthy()
        with pytest.raises(OSError, match=r"\w"):
            await bell.ring([order()])

    async def hint_until(self, bell: Bell, sent: Envelope, true: Callable[[], bool]) -> None:
        """Hints may be lost; said a few times, one arrives."""
        for _ in range(50):
            await bell.hint([sent])
            await asyncio.sleep(0.02)
            if true():
                return
        raise AssertionError("no hint arrived")
