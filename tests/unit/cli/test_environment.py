"""``.env.example`` lists what the settings classes read, all of it and nothing else, with their defaults."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from reel_cli.settings import CliSettings
from reel_common.settings import ServerSettings, ToolSettings, WorkSettings
from reel_executor.runner.settings import RunnerSettings, settings_from
from reel_gateway.settings import GatewaySettings

EXAMPLE = Path(__file__).parents[3] / ".env.example"
CLASSES: tuple[type[BaseSettings], ...] = (ServerSettings, WorkSettings, ToolSettings, GatewaySettings, CliSettings)
OF_THE_MACHINE = {"REEL_HOME", "REEL_SLOTS"}


def listed() -> dict[str, str | None]:
    """Names and values; None for a name that has no value there."""
    found = re.findall(r"^(# )?(REEL_[A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE)
    assert len({name for _, name, _ in found}) == len(found)
    return {name: None if comment else value for comment, name, value in found}


def fields() -> dict[str, Any]:
    """Names and defaults of the classes."""
    return {f"REEL_{name.upper()}": field for each in CLASSES for name, field in each.model_fields.items()}


def test_every_setting_and_nothing_else() -> None:
    of_the_runner = set(re.findall(r"REEL_[A-Z_]+", inspect.getsource(RunnerSettings)))
    assert set(listed()) == {*fields(), *of_the_runner}


def test_values_are_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in listed():
        monkeypatch.delenv(name, raising=False)
    untouched = [each() for each in CLASSES]
    runner = settings_from({"REEL_SPOOL": "/var/lib/reel/spool"})
    for name, value in listed().items():
        if value is not None:
            monkeypatch.setenv(name, value)
    assert [each() for each in CLASSES] == untouched
    assert settings_from({name: value for name, value in listed().items() if value}) == runner
    assert {name for name, value in listed().items() if value is None} == OF_THE_MACHINE


def test_tools_are_json() -> None:
    assert json.loads(listed()["REEL_TOOLS"] or "") == ["ffmpeg"]
