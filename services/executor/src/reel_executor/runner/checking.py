"""What may be run at all: the form of a program, its names, its limits, and the scripts that are the product's own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from reel_common.domain.program import Engine, Limits, Program, program_from_json
from reel_common.errors import Code, PermanentError
from reel_common.ports.runner_spool import DIGEST
from reel_executor.runner.isolation import PLACE

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
"""Names of inputs, files and outputs, used with ``fullmatch``: no path, no option, nothing that a filter would read."""

MOST_FILES_BYTES, MOST_ARGUMENTS_BYTES, MOST_NAMES = 1 << 20, 1 << 19, 256

_FIELDS = {"engine", "arguments", "inputs", "files", "outputs", "limits", "duration"}
_OUTPUT_FIELDS = {"name", "role", "media_type", "required"}
_LIMIT_FIELDS = {"wall_s", "memory_bytes", "output_bytes", "log_bytes", "processes", "cpus"}


def program_from_request(data: Any) -> Program:
    """A program as a client sent it. Raises: PermanentError(INVALID), also for a field that it does not know."""
    try:
        _only(data, _FIELDS)
        _only(data["limits"], _LIMIT_FIELDS)
        for output in data["outputs"]:
            _only(output, _OUTPUT_FIELDS)
        program = program_from_json(data)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _invalid(f"this is not a program ({type(error).__name__})") from error
    _check_types(program)
    return program


def check_program(program: Program, engines: Collection[Engine], scripts: Collection[str]) -> None:
    """``scripts`` are the digests of those that the inspecting engine may run.

    Raises: PermanentError(INVALID, NO_SUCH_TOOL).
    """
    if program.engine not in engines:
        raise PermanentError(Code.NO_SUCH_TOOL, f"there is no engine {program.engine} here")
    _check_names(program)
    _check_arguments(program)
    _check_limits(program.limits)
    if program.engine is Engine.INSPECT:
        _check_script(program, scripts)


@cache
def own_scripts() -> frozenset[str]:
    """The digests of the scripts that come with the product."""
    script = files("reel_tools").joinpath("inspector/script.py")
    return frozenset({hashlib.sha256(script.read_bytes()).hexdigest()})


def _check_types(program: Program) -> None:
    limits = program.limits
    whole = (limits.memory_bytes, limits.output_bytes, limits.log_bytes, limits.processes)
    words = [word for o in program.outputs for word in (o.name, o.role, o.media_type)]
    sound = (
        all(type(n) is int for n in whole)
        and type(limits.cpus) in {int, float}
        and all(type(w) is str for w in words)
        and all(type(o.required) is bool for o in program.outputs)
    )
    if not sound:
        raise _invalid("a field of the program is of another type")


def _check_names(program: Program) -> None:
    names = [*program.inputs, *program.files]
    outputs = [o.name for o in program.outputs]
    if len(names) != len(set(names)) or len(outputs) != len(set(outputs)) or len(names) + len(outputs) > MOST_NAMES:
        raise _invalid("each input, file and output needs a name of its own")
    if not all(NAME.fullmatch(n) for n in (*names, *outputs)):
        raise _invalid("a name has a character that names may not have")
    if not all(DIGEST.fullmatch(d) for d in program.inputs.values()):
        raise _invalid("an input is named by its sha256 in lower-case hexadecimal digits")
    if sum(len(text.encode()) for text in program.files.values()) > MOST_FILES_BYTES:
        raise _invalid("the program's files are too large")


def _check_arguments(program: Program) -> None:
    if sum(len(a.encode()) + 1 for a in program.arguments) > MOST_ARGUMENTS_BYTES:
        raise _invalid("the arguments are too long")
    if any("\0" in a for a in program.arguments):
        raise _invalid("an argument holds a NUL character")
    known = {"in": {*program.inputs, *program.files}, "out": {o.name for o in program.outputs}}
    for side, name in (place.groups() for a in program.arguments for place in PLACE.finditer(a)):
        if name not in known[side]:
            raise _invalid(f"an argument names {side}:{ascii(name)[:80]}, which the program does not have")


def _check_limits(limits: Limits) -> None:
    sound = (
        timedelta(0) < limits.wall <= timedelta(hours=24)
        and 16 << 20 <= limits.memory_bytes <= 1 << 40
        and 0 < limits.output_bytes <= 1 << 40
        and 0 < limits.log_bytes <= 64 << 20
        and 1 <= limits.processes <= 4096
        and 0 <= limits.cpus <= 1024
    )
    if not sound:
        raise _invalid("a limit is outside of what can be set")


def _check_script(program: Program, scripts: Collection[str]) -> None:
    """The engine is an interpreter: it gets no option, and no text but one that is known."""
    place = PLACE.fullmatch(program.arguments[0]) if program.arguments else None
    text = program.files.get(place[2]) if place and place[1] == "in" else None
    if text is None:
        raise _invalid("the first argument of an inspection is its script, one of the program's files")
    if hashlib.sha256(text.encode()).hexdigest() not in scripts:
        raise PermanentError(Code.NO_SUCH_TOOL, "the script is not the inspector of this release")


def _only(data: Mapping[str, Any], fields: set[str]) -> None:
    if unknown := set(data) ^ fields:
        raise _invalid(f"a program has exactly its own fields, not {ascii(sorted(map(str, unknown)))[:200]}")


def _invalid(detail: str) -> PermanentError:
    return PermanentError(Code.INVALID, detail)
