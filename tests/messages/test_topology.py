"""Exchanges, queues and bindings as data."""

from __future__ import annotations

from reel_common.adapters.ringing import choose
from reel_common.domain.kinds import KINDS
from reel_common.messages.envelope import Envelope
from reel_common.messages.topology import DEAD, MOST_RINGS, UNROUTED, Topology, topology


def order(type_: str) -> Envelope:
    return Envelope(type=type_, job_id="j", owner_id="o", body={"step": "s"})


def test_every_kind_has_its_queue_and_what_rings_it() -> None:
    made = topology(KINDS)
    assert {(type_, queue) for type_, queues in made.bindings.items() for queue in queues} == {
        (row.requested, row.queue) for row in KINDS.values()
    }
    assert set(made.queues) == {row.queue for row in KINDS.values()}
    assert all(queue.startswith("reel.") for queue in made.queues)
    assert {DEAD, UNROUTED}.isdisjoint(made.queues)


def test_queues_are_named_once() -> None:
    assert Topology({"a.b.v1": ("x",), "a.b.v2": ("x", "y")}).queues == ("x", "y")


def test_a_batch_rings_a_queue_only_so_often() -> None:
    two = Topology({"a.b.v1": ("x",), "a.b.v2": ("x",), "a.c.v1": ("y",), "a.d.v1": ("x", "z")})
    batch = [order(t) for t in ("a.b.v1", "a.b.v2", "a.b.v1", "a.b.v2", "a.b.v1", "a.c.v1", "a.d.v1", "n.n.v1")]
    chosen = choose(batch, two)
    assert chosen == [*batch[:MOST_RINGS], *batch[5:]], "x has enough; y, z and an unknown queue have none"


def test_an_order_is_sent_once() -> None:
    one = order("a.b.v1")
    assert choose([one, one], Topology({"a.b.v1": ("x",)})) == [one]


def test_a_thousand_orders_of_an_unknown_type_are_few() -> None:
    assert len(choose([order("n.n.v1") for _ in range(1000)], Topology({}))) == MOST_RINGS
