"""What the runner tells a warden, and what it hears from it at the end; plain values, marshalled between the two."""

from __future__ import annotations

from typing import TypedDict


class Group(TypedDict):
    """A control group to be made for the program: the values it must have, and those it may lack."""

    folder: str
    values: dict[str, str]
    optional: dict[str, str]


class Orders(TypedDict):
    """A program to start, ``wrapper`` before ``command``."""

    wrapper: list[str]
    """In it alone ``{seccomp}`` and ``{status}`` become the numbers of descriptors."""
    seccomp: bytes
    """The filter that can be read there, if any."""
    confirmation: str
    """What the wrapper must write to the other descriptor, or it counts as not started; nothing if it need not."""
    command: list[str]
    environment: dict[str, str]
    folder: str
    user: int
    """Whom to become, -1 for nobody else."""
    limits: dict[str, int]
    """Resource limits by name: ``AS``, ``FSIZE`` …"""
    groups: list[Group]
    read: list[str]
    """With ``write`` the paths that Landlock leaves; no such rule without any."""
    write: list[str]
    memory_bytes: int
    """What all its processes may hold together, watched; 0 to watch nothing."""
    cpus: int
    """The cores to stay on, 0 for all."""
    wall: float
    """Seconds after which it is killed whatever the runner does."""


class Report(TypedDict):
    """How it ended. ``error`` says why nothing was started; ``killed`` that the warden had to end it."""

    exit: int
    error: str
    killed: bool
    out_of_memory: bool
    cpu: float
    memory_bytes: int
