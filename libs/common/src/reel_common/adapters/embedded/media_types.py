"""Media types of objects that are plain files: kept beside them, by the number that the file system gave each file.

So a type and bytes that do not belong together are never taken for a pair, although two files cannot change at once.
"""

from __future__ import annotations

from pathlib import Path

from reel_common.adapters.landing import landing, prune_folders

_UNKNOWN = "application/octet-stream"
_KEPT = 2
"""The object that is about to appear, and the one that is there."""


class MediaTypes:
    """One small file per key, with a line per object: number, space, type. The newest is first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def write(self, key: str, number: int, media_type: str) -> None:
        """To be called before the object appears, by one at a time."""
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        known = [(n, t) for n, t in self._lines(key) if n != number]
        lines = [(number, media_type), *known][:_KEPT]
        with landing(path) as file:
            file.write("".join(f"{n} {t}\n" for n, t in lines).encode())

    def read(self, key: str, number: int) -> str:
        """The type of this very object; of the newest when the folder was copied, which changes all numbers."""
        lines = self._lines(key)
        return dict(lines).get(number) or (lines[0][1] if lines else _UNKNOWN)

    def forget(self, key: str) -> None:
        """The object is gone."""
        path = self._folder / key
        path.unlink(missing_ok=True)
        prune_folders(path, self._folder)

    def _lines(self, key: str) -> list[tuple[int, str]]:
        try:
            text = (self._folder / key).read_text()
        except (FileNotFoundError, NotADirectoryError):
            return []
        pairs = (line.partition(" ") for line in text.splitlines())
        return [(int(number), media_type) for number, _, media_type in pairs if number.isdigit()]
