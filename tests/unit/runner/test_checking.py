"""What is refused before anything is started: malformed programs, and arguments that reach out."""

import copy
from typing import Any

import pytest

from reel_common.domain.program import Engine, Output, Program
from reel_common.errors import Code, PermanentError
from reel_executor.runner.adapters.confined import check_arguments
from reel_executor.runner.checking import check_program, own_scripts, program_from_request
from reel_tools.inspector import Look, inspection

ENGINES = tuple(Engine)
PROGRAM = Program(
    Engine.FFMPEG,
    ("-i", "{in:clip}", "{out:a.mp4}"),
    inputs={"clip": "0" * 64},
    files={"text": "x"},
    outputs=(Output("a.mp4", "final", "video/mp4"),),
)


def changed(*path: str | int, value: Any) -> dict[str, Any]:
    data = copy.deepcopy(PROGRAM.as_json())
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data


def test_a_program_comes_through_as_it_was_sent() -> None:
    assert program_from_request(PROGRAM.as_json()) == PROGRAM
    check_program(PROGRAM, ENGINES, ())


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        changed("image", value="other:1"),
        changed("limits", "network", value=True),
        changed("limits", "memory_bytes", value="1"),
        changed("limits", "memory_bytes", value=1.5),
        changed("limits", "processes", value=True),
        changed("limits", "wall_s", value="NaN"),
        changed("limits", "wall_s", value=float("inf")),
        changed("limits", value=None),
        changed("outputs", 0, "path", value="/etc"),
        changed("outputs", 0, "name", value=["a"]),
        changed("outputs", 0, "required", value="yes"),
        changed("outputs", value=[3]),
        changed("engine", value="sh"),
        changed("inputs", value=[]),
        changed("files", value=None),
        changed("arguments", value=3),
    ],
)
def test_a_request_of_another_form_is_invalid(data: Any) -> None:
    with pytest.raises(PermanentError) as raised:
        program_from_request(data)
    assert raised.value.code is Code.INVALID


@pytest.mark.parametrize(
    "data",
    [
        changed("inputs", value={"clip": "0" * 63}),
        changed("inputs", value={"clip": "0" * 64 + "\n"}),
        changed("inputs", value={"clip": "../../etc/shadow"}),
        changed("inputs", value={"../clip": "0" * 64}),
        changed("files", value={"text": "x" * (2 << 20)}),
        changed("files", value={"-i": "x"}),
        changed("files", value={".hidden": "x"}),
        changed("outputs", 0, "name", value="../a"),
        changed("outputs", 0, "name", value="a%d.mp4"),
        changed("arguments", value=["x" * (1 << 20)]),
        changed("arguments", value=["{in:other}"]),
        changed("arguments", value=["{in:a.mp4}"]),
        changed("arguments", value=["movie={in:../../x}"]),
        changed("limits", "wall_s", value=-1),
        changed("limits", "wall_s", value=1e6),
        changed("limits", "output_bytes", value=0),
        changed("limits", "log_bytes", value=1 << 40),
        changed("limits", "cpus", value=float("nan")),
    ],
)
def test_a_program_that_cannot_be_is_invalid(data: Any) -> None:
    with pytest.raises(PermanentError) as raised:
        check_program(program_from_request(data), ENGINES, ())
    assert raised.value.code is Code.INVALID


def test_an_engine_that_is_not_there() -> None:
    with pytest.raises(PermanentError) as raised:
        check_program(PROGRAM, (Engine.INSPECT,), ())
    assert raised.value.code is Code.NO_SUCH_TOOL


def test_the_inspector_of_this_release_is_known() -> None:
    program = inspection([(Look.FACTS, "0" * 64)])
    check_program(program, ENGINES, own_scripts())
    with pytest.raises(PermanentError) as raised:
        check_program(program, ENGINES, ())
    assert raised.value.code is Code.NO_SUCH_TOOL


SAFE = ("-protocol_whitelist", "file,pipe", "-format_whitelist", "mov")


@pytest.mark.parametrize(
    "arguments",
    [
        (*SAFE, "-i", "{in:clip}", "-vf", "fade=t=out:st=3:d=1,scale=-2:720", "-progress", "pipe:1", "{out:a.mp4}"),
        (*SAFE, "-i", "file:{in:clip}", "-update", "1", "file:{out:a.jpg}"),
        (*SAFE, "-i", "{in:a}", *SAFE, "-f", "mov", "-i", "{in:b}", "-filter_complex", "[0:v][1:v]concat=n=2:v=1[v]"),
        (*SAFE, "-f", "lavfi", "-i", "testsrc=size=16x16:rate=1", "-f", "null", "-"),
        ("-version",),
    ],
)
def test_confined_takes_what_reads_its_own_inputs(arguments: tuple[str, ...]) -> None:
    check_arguments(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("-i", "{in:clip}"),
        (*SAFE[:2], "-i", "{in:clip}"),
        (*SAFE[2:], "-i", "{in:clip}"),
        (*SAFE, "-i", "{in:clip}", "-i", "{in:other}"),
        ("-protocol_whitelist", "file,http", *SAFE[2:], "-i", "{in:clip}"),
        (*SAFE[:2], "-format_whitelist", "mov,concat", "-i", "{in:clip}"),
        (*SAFE, "-i", "/etc/passwd"),
        (*SAFE, "-i", "x{in:clip}"),
        (*SAFE, "-i", "file:/etc/passwd"),
        (*SAFE, "-i", "file:{in:clip}/../../x"),
        (*SAFE, "-i", "{in:clip}", "file:/tmp/a.mp4"),
        (*SAFE, "-i", "{in:clip}", "file:{out:a}", "[f=mp4]file:b"),
        (*SAFE, "-i", "{out:clip}"),
        (*SAFE, "-i", "https://example.org/a.mp4"),
        (*SAFE, "-i", "{in:clip}", "tcp:example.org:80"),
        (*SAFE, "-i", "{in:clip}", "-f", "tee", "[f=mp4]udp:host"),
        (*SAFE, "-f", "lavfi", "-i", "movie=/etc/passwd"),
        (*SAFE, "-i", "{in:clip}", "-vf", "[in]overlay[a];movie=other.mp4[b]"),
        (*SAFE, "-i", "{in:clip}", "-progress", "http://example.org"),
        (*SAFE, "-i", "concat:a|b"),
    ],
)
def test_confined_refuses_what_reaches_out(arguments: tuple[str, ...]) -> None:
    with pytest.raises(PermanentError) as raised:
        check_arguments(arguments)
    assert raised.value.code is Code.INVALID
