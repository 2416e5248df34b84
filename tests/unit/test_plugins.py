"""Tools by entry point: enabled by name, and everything that is wrong with one named together with its distribution."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from reel_common.errors import Code, PermanentError
from reel_common.plugins import GROUP, PluginUnusableError, load_tools, read_operations, tool_for
from reel_common.ports.tool import Operation
from reel_tools.ffmpeg import FFmpeg
from reel_tools.ffmpeg.operations import Trim

MODULE = """
from reel_common.ports.tool import Operation

class Wave(Operation):
    op: str = "wave"

class Tool:
    api_version = {version}
    name = "{name}"
    summary = ""
    operations = (Wave,)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed distributions."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("third_party_")]:
        del sys.modules[name]


def install(site: Path, distribution: str, name: str, source: str, attribute: str = "Tool") -> None:
    module = "third_party_" + distribution.replace("-", "_")
    (site / f"{module}.py").write_text(source)
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {module}:{attribute}\n")


def installed(site: Path) -> list[EntryPoint]:
    return [point for found in distributions(path=[str(site)]) for point in found.entry_points]


def test_ours_is_registered_like_any_other() -> None:
    tools = load_tools(["ffmpeg"])
    assert list(tools) == ["ffmpeg"]
    assert isinstance(tools["ffmpeg"], FFmpeg)


def test_a_third_party(site: Path) -> None:
    install(site, "reel-waves", "waves", MODULE.format(version=1, name="waves"))
    tools = load_tools(["waves"], installed(site))
    assert tools["waves"].operations[0].model_fields["op"].default == "wave"


def test_installed_but_not_enabled_is_not_even_imported(site: Path) -> None:
    install(site, "reel-waves", "waves", "raise RuntimeError")
    assert load_tools([], installed(site)) == {}


def test_enabled_but_missing(site: Path) -> None:
    with pytest.raises(PluginUnusableError, match="'waves' is enabled, but no installed distribution has it"):
        load_tools(["waves"], installed(site))


def test_claimed_twice(site: Path) -> None:
    for distribution in ("reel-waves", "reel-breakers"):
        install(site, distribution, "waves", MODULE.format(version=1, name="waves"))
    with pytest.raises(PluginUnusableError, match="claimed twice, by reel-breakers and reel-waves"):
        load_tools(["waves"], installed(site))


@pytest.mark.parametrize(
    ("source", "attribute", "reason"),
    [
        (MODULE.format(version=2, name="waves"), "Tool", "is of API version 2, not 1"),
        (MODULE.format(version=1, name="tides"), "Tool", "calls itself 'tides'"),
        ("import no_such_module", "Tool", "cannot be loaded: ModuleNotFoundError"),
        ("", "Tool", "cannot be loaded: AttributeError"),
        ("Tool = object", "Tool", "cannot be loaded: AttributeError"),
    ],
)
def test_of_another_kind(site: Path, source: str, attribute: str, reason: str) -> None:
    install(site, "reel-waves", "waves", source, attribute)
    with pytest.raises(PluginUnusableError) as caught:
        load_tools(["waves"], installed(site))
    assert "'waves' of reel-waves" in str(caught.value)
    assert reason in str(caught.value)


def test_two_tools_with_an_operation_of_one_name(site: Path) -> None:
    for name in ("waves", "tides"):
        install(site, f"reel-{name}", name, MODULE.format(version=1, name=name))
    with pytest.raises(PluginUnusableError, match="both have an operation 'wave'"):
        load_tools(["waves", "tides"], installed(site))


def test_the_tool_that_does_all_of_it() -> None:
    tools = load_tools(["ffmpeg"])
    assert tool_for(tools, [Trim()]) is tools["ffmpeg"]
    with pytest.raises(PermanentError) as caught:
        tool_for(tools, [Trim(), Operation(op="wave")])
    assert caught.value.code is Code.NO_SUCH_TOOL


def test_without_any_tool() -> None:
    with pytest.raises(PermanentError) as caught:
        read_operations({}, [{"op": "trim"}])
    assert caught.value.code is Code.NO_SUCH_TOOL


def test_a_single_operation_needs_no_telling_apart(site: Path) -> None:
    install(site, "reel-waves", "waves", MODULE.format(version=1, name="waves"))
    (read,) = read_operations(load_tools(["waves"], installed(site)), [{"op": "wave"}])
    assert read.op == "wave"
