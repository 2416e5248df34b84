"""Finds the tools that an operator enabled among those that are installed, and reads operations by them.

Tools come by entry point, ours like a third party's. Installed is not enabled: what is not named is not even imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from importlib.metadata import EntryPoint, entry_points
from operator import or_
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from reel_common.errors import Code, PermanentError, RejectedError
from reel_common.ports.tool import API_VERSION, Operation, Tool

GROUP = "reel.tools"
"""The group of entry points under which a distribution offers tools."""

MOST_OPERATIONS = 200
"""Operations of one version at most."""

Tools = Mapping[str, Tool]
"""Enabled tools by their names."""


class PluginUnusableError(Exception):
    """An enabled tool cannot be used: install, upgrade or disable the distribution that the message names."""


def load_tools(names: Iterable[str], installed: Iterable[EntryPoint] | None = None) -> dict[str, Tool]:
    """The enabled tools by name, in the order named. ``installed`` defaults to what this Python environment has.

    Raises: PluginUnusableError when one is missing, claimed twice, cannot be imported, or is of another ``api_version``.
    """
    found = list(entry_points(group=GROUP) if installed is None else installed)
    tools = {name: _load(name, [point for point in found if point.name == name]) for name in dict.fromkeys(names)}
    owners: dict[str, str] = {}
    for name, tool in tools.items():
        for operation in _names_of(tool):
            if (other := owners.setdefault(operation, name)) != name:
                raise PluginUnusableError(f"the tools {other!r} and {name!r} both have an operation {operation!r}")
    return tools


def read_operations(tools: Tools, data: object) -> tuple[Operation, ...]:
    """Operations from their JSON. Raises: RejectedError(PLAN_INVALID) with the path of each field that is wrong."""
    if not isinstance(data, list) or len(data) > MOST_OPERATIONS:
        raise _rejected(tools, [("operations", f"has to be a list of at most {MOST_OPERATIONS} operations")])
    adapter = _adapter([operation for tool in tools.values() for operation in tool.operations])
    read: list[Operation] = []
    wrong: list[tuple[str, str]] = []
    for number, item in enumerate(data):
        try:
            read.append(adapter.validate_python(item))
        except ValidationError as error:
            wrong += [(_path(number, e["loc"]), _reason(e["type"], e["msg"])) for e in error.errors()]
    if wrong:
        raise _rejected(tools, wrong[:20])
    return tuple(read)


def _adapter(models: Sequence[type[Operation]]) -> TypeAdapter[Operation]:
    if not models:
        raise PermanentError(Code.NO_SUCH_TOOL, "No tool is enabled.", hint="Its operator names tools in REEL_TOOLS.")
    # known only at run time, when the tools are
    union: Any = reduce(or_, models)
    if len(models) > 1:
        union = Annotated[union, Field(discriminator="op")]
    return TypeAdapter(union)


def _rejected(tools: Tools, fields: list[tuple[str, str]]) -> RejectedError:
    return RejectedError(
        Code.PLAN_INVALID,
        f"The operations are not valid: {'; '.join(f'{path}: {reason}' for path, reason in fields)}.",
        hint=f"Operations are {', '.join(name for tool in tools.values() for name in _names_of(tool))}.",
        fields=tuple(fields),
    )


def tool_for(tools: Tools, operations: Sequence[Operation]) -> Tool:
    """The tool that does all of these. Raises: PermanentError(NO_SUCH_TOOL) when there is none."""
    wanted = {operation.op for operation in operations}
    for tool in tools.values():
        if wanted <= set(_names_of(tool)):
            return tool
    raise PermanentError(Code.NO_SUCH_TOOL, f"No enabled tool does all of: {', '.join(sorted(wanted))}.")


def _load(name: str, points: list[EntryPoint]) -> Tool:
    if not points:
        raise PluginUnusableError(f"the tool {name!r} is enabled, but no installed distribution has it")
    owners = " and ".join(sorted(_owner(point) for point in points))
    if len(points) > 1:
        raise PluginUnusableError(f"the tool {name!r} is claimed twice, by {owners}")
    try:
        tool: Tool = points[0].load()()
        version, own_name = tool.api_version, tool.name
    except Exception as error:
        raise PluginUnusableError(f"the tool {name!r} of {owners} cannot be loaded: {error!r}") from error
    if version != API_VERSION:
        raise PluginUnusableError(f"the tool {name!r} of {owners} is of API version {version}, not {API_VERSION}")
    if own_name != name:
        raise PluginUnusableError(f"the tool {name!r} of {owners} calls itself {own_name!r}")
    return tool


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _names_of(tool: Tool) -> list[str]:
    return [str(operation.model_fields["op"].default) for operation in tool.operations]


def _path(number: int, location: tuple[int | str, ...]) -> str:
    """``operations[2].width``: the discriminator that pydantic puts before the field is left out."""
    return (f"operations[{number}]" + "".join(f".{part}" for part in location[1:]))[:80]


def _reason(kind: str, message: str) -> str:
    if kind == "union_tag_invalid":  # pydantic's own sentence repeats what was sent, however long
        return "op is not the name of an operation"
    return message.removeprefix("Value error, ")
