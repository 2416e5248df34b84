"""What the runner tells a warden, and what it hears from it at the end; JSON between the two."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Group:
    """A control group to be made for the program: the values it must have, and those it may lack."""

    folder: str
    values: dict[str, str]
    optional: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Orders:
    """A program to start. ``wrapper`` comes before ``command``; in it alone ``{seccomp}`` and ``{status}`` become the
    numbers of descriptors: of the filter, and of one to which it must write ``confirmation`` or count as not started.

    ``limits`` are resource limits by name (``AS``, ``FSIZE`` …). ``user`` is whom to become, -1 for nobody else.
    ``read`` and ``write`` are the paths that a Landlock rule leaves, no rule without any. ``memory_bytes`` is watched
    when it is not 0, ``cpus`` are cores to stay on. After ``wall`` seconds the program is killed whatever the runner does.
    """

    wrapper: list[str]
    command: list[str]
    environment: dict[str, str]
    folder: str
    wall: float
    limits: dict[str, int]
    groups: list[Group] = field(default_factory=list)
    user: int = -1
    seccomp: str = ""
    confirmation: str = ""
    read: list[str] = field(default_factory=list)
    write: list[str] = field(default_factory=list)
    memory_bytes: int = 0
    cpus: int = 0

    def as_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"


def orders_from_line(line: bytes) -> Orders:
    """The reverse of ``Orders.as_line``."""
    data = json.loads(line)
    data["groups"] = [Group(**g) for g in data["groups"]]
    return Orders(**data)


@dataclass(slots=True)
class Report:
    """How it ended. ``error`` says why nothing was started; ``killed`` that the warden had to end it."""

    exit: int = 0
    error: str = ""
    killed: bool = False
    out_of_memory: bool = False
    cpu: float = 0.0
    memory_bytes: int = 0

    def as_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"


def report_from_line(line: bytes) -> Report:
    """The reverse of ``Report.as_line``."""
    return Report(**json.loads(line))
