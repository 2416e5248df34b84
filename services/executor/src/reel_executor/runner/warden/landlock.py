"""Landlock: a process gives up, for itself and all that it starts, every path but those named. Needs no privilege."""

from __future__ import annotations

import ctypes
import os
import struct

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on every architecture
_NO_NEW_PRIVILEGES = 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHARACTER_DEVICE, _MAKE_BLOCK_DEVICE = 1 << 6, 1 << 11
_TRUNCATE, _DEVICE_CONTROL = 1 << 14, 1 << 15
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL
_PATHS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many rights to paths a version knows; sixteen from the fifth on."""

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The kernel's version of Landlock, 0 without it."""
    try:
        return _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    except OSError:
        return 0


def restrict(read: list[str], write: list[str]) -> None:
    """Leaves only these paths, the first to be read and run, the others to be written; with the newer versions also no
    TCP, and no signal to a process outside. Does nothing on a kernel without Landlock."""
    known = version()
    if not known:
        return
    paths = (1 << _PATHS_BY_VERSION.get(known, 16)) - 1
    rules = struct.pack("<Q", paths)
    if known >= 4:
        rules += struct.pack("<Q", 0b11)  # binding and connecting TCP
    if known >= 6:
        rules += struct.pack("<Q", 0b11)  # abstract Unix sockets, signals
    ruleset = _call(_CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), ctypes.c_uint32(0))
    for path in read:
        _allow(ruleset, path, _EXECUTE | _READ_FILE | _READ_FOLDER)
    for path in write:
        _allow(ruleset, path, paths & ~(_EXECUTE | _MAKE_CHARACTER_DEVICE | _MAKE_BLOCK_DEVICE))
    if _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    _call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):  # out of reach in any case
        return
    if not os.path.isdir(path):  # noqa: PTH112  # pathlib takes longer to import than the warden has
        rights &= _ON_FILES & ((1 << _PATHS_BY_VERSION.get(version(), 16)) - 1)
    _call(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(1), struct.pack("<Qi", rights, fd), ctypes.c_uint32(0))
    os.close(fd)


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
