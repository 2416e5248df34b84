"""Sees what a reader of a lure does beside reading it: files opened in the folder, connections to 127.0.0.1."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

_IN_OPEN, _NONBLOCK = 0x20, os.O_NONBLOCK
_EVENT = struct.Struct("iIII")


class Trap:
    """A listener on ``address`` and a watch on ``folder``, while it is entered."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hits = folder, 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        host, port = self._socket.getsockname()
        self.address = f"{host}:{port}"
        libc = ctypes.CDLL(None, use_errno=True)
        self._watch = libc.inotify_init1(_NONBLOCK)
        assert self._watch >= 0
        self._add = libc.inotify_add_watch

    def __enter__(self) -> Self:
        assert self._add(self._watch, os.fsencode(self.folder), _IN_OPEN) >= 0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.hits += 1
            connection.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._listener.join(5)
        os.close(self._watch)

    def opened(self) -> set[str]:
        """Names of the files in the folder that were opened since the last call."""
        try:
            data = os.read(self._watch, 1 << 16)
        except BlockingIOError:
            return set()
        names, at = set(), 0
        while at < len(data):
            _, _, _, length = _EVENT.unpack_from(data, at)
            names.add(data[at + _EVENT.size : at + _EVENT.size + length].rstrip(b"\0").decode())
            at += _EVENT.size + length
        return names - {""}
