"""Programs for people: how to run one by hand. We never run this text ourselves."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from reel_common.domain.program import Program


def readable(program: Program, words: Sequence[str] = ()) -> str:
    """The program as a commented shell script that a person can run by hand, in a folder with its inputs."""
    lines = ["#!/bin/sh", "# Made by Reelwright. Put the inputs beside this file and run it where FFmpeg is installed."]
    lines += [f"# {number}. {_one_line(word)}" for number, word in enumerate(words, 1)]
    lines += [f"# input   {name}  sha256 {digest}" for name, digest in program.inputs.items()]
    lines += [f"# output  {o.name}  {o.role}, {o.media_type}" for o in program.outputs]
    return "\n".join(lines) + "\n" + _command([str(program.engine), *(_by_hand(a, program) for a in program.arguments)])


def _by_hand(argument: str, program: Program) -> str:
    for name in (*program.inputs, *program.files):
        argument = argument.replace(f"{{in:{name}}}", name)
    for output in program.outputs:
        argument = argument.replace(f"{{out:{output.name}}}", output.name)
    return argument


def _command(words: Sequence[str]) -> str:
    """One option a line, so that a reader finds it and a comparison shows it."""
    text = ""
    for word in words:
        text += (" \\\n  " if word.startswith("-") and not word[1:2].isdigit() else " ") + shlex.quote(word)
    return text.strip() + "\n"


def _one_line(text: str) -> str:
    return " ".join(text.split())
