"""``reel migrate``: the ledger of a deployment on servers, whose services never change its schema by themselves."""

from __future__ import annotations

from urllib.parse import urlsplit

from reel_cli.exits import CommandFailedError, Exit
from reel_common.errors import TransientError
from reel_common.ledger import migrate
from reel_common.ledger.migrating import HEAD
from reel_common.settings import ServerSettings


async def migrate_ledger(database_url: str | None) -> str:
    """What was done. Raises: CommandFailedError."""
    url = database_url or ServerSettings().database_url
    parts = urlsplit(url)
    where = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    try:
        await migrate(url)
    except TransientError as error:
        raise CommandFailedError(
            Exit.UNREACHABLE, f"The ledger at {where} cannot be migrated.", error.detail
        ) from error
    except Exception as error:
        raise CommandFailedError(Exit.FAILED, f"The ledger at {where} cannot be migrated.", str(error)) from error
    return f"{where} is at {HEAD}"
