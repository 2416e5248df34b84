"""Which calls of the kernel a program may make: an allow list for containers, a deny list for bubblewrap.

The engine wants JSON, kept beside this module: ``python -m reel_executor.runner.adapters.seccomp > seccomp.json``
writes it. Bubblewrap wants the kernel's own form, which is made here for x86-64; elsewhere it goes without.
"""

from __future__ import annotations

import json
import platform
import struct
import sys
from typing import Any

_NEW_NAMESPACES = 0x7E020000
_NOT_PERMITTED, _NO_SUCH_CALL, _NO_SUCH_FAMILY = 1, 38, 97
_FAMILIES = (1, 2, 10)
"""Unix, INET and INET6: no VSOCK, NETLINK, PACKET or ALG. There is no network behind them; libraries just expect them."""

ALLOWED = """
access alarm arch_prctl bind brk capget capset chdir chmod chown clock_getres clock_gettime clock_nanosleep close
close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2
epoll_wait eventfd eventfd2 execve execveat exit exit_group faccessat faccessat2 fadvise64 fallocate fchdir fchmod
fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr flock fork fstat fstatfs fsync ftruncate futex futex_waitv
get_mempolicy get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups
getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid
getsockname getsockopt gettid gettimeofday getuid getxattr inotify_add_watch inotify_init1 inotify_rm_watch ioctl kill
landlock_add_rule landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen listxattr llistxattr
lseek lstat madvise mbind membarrier memfd_create mincore mkdir mkdirat mknod mknodat mlock mmap mprotect mremap msync
munlock munmap nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 poll ppoll prctl
pread64 preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recvfrom
recvmmsg recvmsg rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask
rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max
sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield select semctl semget semop semtimedop
sendfile sendmmsg sendmsg sendto set_mempolicy set_robust_list set_tid_address setfsgid setfsuid setgid setgroups
setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid shmat shmctl shmdt
shmget shutdown sigaltstack signalfd4 socketpair splice stat statfs statx symlink symlinkat sync_file_range sysinfo tee
tgkill time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
timerfd_settime times tkill truncate umask uname unlink unlinkat utime utimensat utimes vfork wait4 waitid write writev
accept accept4
""".split()  # noqa: SIM905  # two hundred lines as a list

_DENIED = {
    "ptrace": 101, "personality": 135, "ustat": 136, "uselib": 134, "vhangup": 153, "modify_ldt": 154,
    "pivot_root": 155, "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166,
    "swapon": 167, "swapoff": 168, "reboot": 169, "sethostname": 170, "setdomainname": 171, "iopl": 172, "ioperm": 173,
    "init_module": 175, "delete_module": 176, "quotactl": 179, "nfsservctl": 180, "syslog": 103, "lookup_dcookie": 212,
    "clock_settime": 227, "add_key": 248, "request_key": 249, "keyctl": 250, "migrate_pages": 256, "kexec_load": 246,
    "unshare": 272, "vmsplice": 278, "move_pages": 279, "perf_event_open": 298, "name_to_handle_at": 303,
    "open_by_handle_at": 304, "clock_adjtime": 305, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
    "kcmp": 312, "finit_module": 313, "kexec_file_load": 320, "bpf": 321, "userfaultfd": 323, "io_uring_setup": 425,
    "io_uring_enter": 426, "io_uring_register": 427, "open_tree": 428, "move_mount": 429, "fsopen": 430,
    "fsconfig": 431, "fsmount": 432, "fspick": 433, "pidfd_getfd": 438, "mount_setattr": 442, "quotactl_fd": 443,
    "memfd_secret": 447,
}  # fmt: skip
_SOCKET, _CLONE, _IOCTL, _CLONE3 = 41, 56, 16, 435
_TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX put words into the mouth of whoever uses the terminal."""


def profile() -> dict[str, Any]:
    """The allow list in the form that container engines read."""
    allow, refuse = "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"
    rules: list[dict[str, Any]] = [
        {"names": sorted(set(ALLOWED)), "action": allow},
        {"names": ["clone"], "action": allow, "args": [_argument(0, _NEW_NAMESPACES, "SCMP_CMP_MASKED_EQ")]},
        # The C library falls back to clone, whose flags can be seen.
        {"names": ["clone3"], "action": refuse, "errnoRet": _NO_SUCH_CALL},
    ]
    rules += [
        {"names": ["personality"], "action": allow, "args": [_argument(0, v, "SCMP_CMP_EQ")]} for v in (0, 0xFFFFFFFF)
    ]
    rules += [{"names": ["socket"], "action": allow, "args": [_argument(0, f, "SCMP_CMP_EQ")]} for f in _FAMILIES]
    return {
        "defaultAction": refuse,
        "defaultErrnoRet": _NOT_PERMITTED,
        "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
        ],
        "syscalls": rules,
    }


def _argument(index: int, value: int, comparison: str) -> dict[str, Any]:
    return {"index": index, "value": value, "valueTwo": 0, "op": comparison}


_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_AT, _SECOND_AT = 0, 4, 16, 24
_X86_64, _X32 = 0xC000003E, 0x40000000
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000


def machine_filter(machine: str = "") -> bytes:
    """The deny list as the kernel runs it; empty where the numbers of the calls are others."""
    if (machine or platform.machine()) != "x86_64":
        return b""
    steps = [
        *(_step(_LOAD, _ARCHITECTURE_AT), _step(_EQUAL, _X86_64, 1, 0), _step(_RETURN, _KILL)),
        *(_step(_LOAD, _NUMBER_AT), _step(_AT_LEAST, _X32, 0, 1), _step(_RETURN, _ERROR | _NO_SUCH_CALL)),
    ]
    for number in sorted(_DENIED.values()):
        steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, _ERROR | _NOT_PERMITTED)]
    steps += [_step(_EQUAL, _CLONE3, 0, 1), _step(_RETURN, _ERROR | _NO_SUCH_CALL)]
    steps += _when(_CLONE, _FIRST_AT, [_step(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _step(_RETURN, _ERROR | _NOT_PERMITTED)])
    known = [_step(_EQUAL, family, len(_FAMILIES) - n, 0) for n, family in enumerate(_FAMILIES)]
    steps += _when(_SOCKET, _FIRST_AT, [*known, _step(_RETURN, _ERROR | _NO_SUCH_FAMILY)])
    first, second = _TERMINAL_INPUT
    steps += _when(
        _IOCTL,
        _SECOND_AT,
        [_step(_EQUAL, first, 1, 0), _step(_EQUAL, second, 0, 1), _step(_RETURN, _ERROR | _NOT_PERMITTED)],
    )
    return b"".join([*steps, _step(_RETURN, _ALLOW)])


def _when(call: int, argument_at: int, steps: list[bytes]) -> list[bytes]:
    """Steps for one call only, that end with allowing it."""
    return [_step(_EQUAL, call, 0, len(steps) + 2), _step(_LOAD, argument_at), *steps, _step(_RETURN, _ALLOW)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


if __name__ == "__main__":
    json.dump(profile(), sys.stdout, indent=1)
    sys.stdout.write("\n")
