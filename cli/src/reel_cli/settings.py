"""What the command is told: flags, else ``REEL_…``, else ``./reel.toml``, else ``~/.config/reel/config.toml``.

A folder that somebody handed on may hold a ``reel.toml``: it can name another server, and then never gets the token
that was meant for one of the user's own.
"""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from reel_cli.exits import usage
from reel_cli.home import Home, default_root

PROJECT = Path("reel.toml")


class CliSettings(BaseSettings):
    """For commands, and for ``reel up``."""

    model_config = SettingsConfigDict(env_prefix="REEL_", extra="ignore", frozen=True)

    url: str = ""
    """The server that commands talk to. Empty: the one on this machine, else none is needed."""
    token: str = ""
    """What a server off loopback wants to be shown. Empty: made at the first start, and kept in its folder."""
    home: Path = Field(default_factory=default_root)
    """The data folder of the single process."""
    host: str = "127.0.0.1"
    """Where the gateway listens; off loopback it wants a token."""
    port: int = Field(default=8000, ge=0, le=65535)
    """0 takes a free one."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags are what it is made with; then the environment, then the files, as ``from_files`` read them."""
        return init_settings, env_settings, _Files(settings_cls)

    @property
    def folder(self) -> Home:
        """The data folder, as one."""
        return Home(self.home.expanduser().absolute())


class _Files(PydanticBaseSettingsSource):
    """Both files, the nearer first."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - see __call__
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        near, far = _read(PROJECT), _read(user_file())
        if "url" in near and "token" not in near and near["url"] != far.get("url"):
            far.pop("token", None)
        return {**far, **near}


def user_file() -> Path:
    """The user's own settings."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "reel" / "config.toml"


def read_settings(**flags: Any) -> CliSettings:
    """Flags that are None were not given. Raises: CommandFailedError(USAGE) that names what is wrong."""
    try:
        return CliSettings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "a setting"
        raise usage(
            f"The setting {name} is wrong: {first['msg']}.", f"It is REEL_{name.upper()} in the environment."
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            said: Mapping[str, Any] = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise usage(f"{path} cannot be read: {error}") from None
    for name in said.keys() - CliSettings.model_fields.keys():
        print(f"reel: {path} has a setting that is not known: {name}", file=sys.stderr)
    return dict(said)
