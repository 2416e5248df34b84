"""What somebody who got his own code to run in there would try. Each says what it achieved."""

FINDINGS = """
import json, os, socket, subprocess, sys

def tried(what):
    try:
        return what() or "done"
    except BaseException as error:
        return type(error).__name__

def read(path):
    with open(path, "rb") as file:
        return file.read(80).decode(errors="replace")
"""

NETWORK = (
    FINDINGS
    + """
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(1)
        s.connect(address)

print(json.dumps({
    "out": tried(lambda: connect(socket.AF_INET, ("1.1.1.1", 80))),
    "host": tried(lambda: connect(socket.AF_INET, ("127.0.0.1", int(sys.argv[2])))),
    "metadata": tried(lambda: connect(socket.AF_INET, ("169.254.169.254", 80))),
    "engine": tried(lambda: connect(socket.AF_UNIX, "/var/run/docker.sock")),
    "runner": tried(lambda: connect(socket.AF_UNIX, sys.argv[3])),
    "machine": tried(lambda: socket.socket(40, socket.SOCK_STREAM).close()),
    "names": tried(lambda: socket.getaddrinfo("example.org", 80)),
}))
"""
)

READING = (
    FINDINGS
    + """
spool = sys.argv[2]
print(json.dumps({path: tried(lambda: read(path)) for path in (
    "/etc/shadow", "/root/.bashrc", "/proc/1/environ", "/proc/kcore", "/proc/%s/environ" % sys.argv[3],
    spool + "/.runner.lock", spool + "/in/" + sys.argv[4],
)} | {"spool": tried(lambda: os.listdir(spool)), "runs": tried(lambda: os.listdir(spool + "/runs"))}))
"""
)

WRITING = (
    FINDINGS
    + """
def write(path):
    with open(path, "w") as file:
        file.write("x")

print(json.dumps({path: tried(lambda: write(path)) for path in (
    "/x", "/usr/bin/x", "/etc/x", "/in/x", sys.argv[2], "/proc/sys/kernel/core_pattern", "/sys/x", "/var/x",
    sys.argv[3] + "/in/x", sys.argv[3] + "/x",
)}))
"""
)

ENVIRONMENT = """
import json, os
print(json.dumps(dict(os.environ)))
"""

RIGHTS = (
    FINDINGS
    + """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({
    "user": os.getuid(),
    "capabilities": status["CapEff"].strip(),
    "bounding": status["CapBnd"].strip(),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "setuid": tried(lambda: os.setuid(0)),
    "mount": tried(lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, None)),
    "namespace": tried(lambda: call(272, 0x10000000)),
    "trace": tried(lambda: call(101, 16, os.getppid(), 0, 0)),
    "io_uring": tried(lambda: call(425, 1, None)),
    "keyring": tried(lambda: call(250, 0, -3, 0)),
}))
"""
)

FORK_BOMB = """
import os, time
made = 0
while True:
    try:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
    except OSError:
        print(made, flush=True)
        break
    if made > 2000:
        print(made, flush=True)
        break
time.sleep(60)
"""

SPREADING = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""

MEMORY_BOMB = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = []
        while True:
            held.append(bytearray(16 << 20))
time.sleep(60)
"""

ENDLESS = """
import signal, os
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
print("begun", flush=True)
while True:
    pass
"""

FLOOD = """
import os
piece = b"x" * 65536
while True:
    os.write(2, piece)
"""

FALSE_PROGRESS = """
import os
piece = b"frame=1\\n" * 8192
while True:
    os.write(1, piece)
"""

SILENT = """
import os, time
os.close(1)
os.close(2)
time.sleep(1)
open(OUT + "/late", "w").write("late")
"""

DISK = """
piece = b"x" * (1 << 20)
with open(OUT + "/big", "wb") as file:
    while True:
        file.write(piece)
        file.flush()
"""

DISK_BY_PIECES = """
piece = b"x" * (1 << 20)
n = 0
while True:
    n += 1
    with open(OUT + "/%d" % n, "wb") as file:
        file.write(piece)
"""

ENTRIES = """
n = 0
while True:
    n += 1
    open(OUT + "/%d" % n, "wb").close()
"""

DEPTH = """
import os
os.chdir(OUT)
for n in range(3000):
    os.mkdir("d")
    os.chdir("d")
import time
time.sleep(60)
"""

CLOSED_FOLDER = """
import os
os.mkdir(OUT + "/d")
with open(OUT + "/d/big", "wb") as file:
    os.chmod(OUT + "/d", 0)
    os.chmod(OUT, 0)
    while True:
        file.write(b"x" * (1 << 20))
"""

STRANGE_OUTPUTS = """
import os, socket, sys
os.chdir(OUT)
os.symlink("/etc/shadow", "link")
os.symlink(OUT, "folder_link")
os.mkfifo("fifo")
os.mkdir("folder")
open("plain", "wb").write(b"plain")
os.link("plain", "hard")
with open("sparse", "wb") as file:
    file.truncate(200 << 20)
open("closed", "wb").write(b"closed")
os.chmod("closed", 0)
with open("good", "wb") as file:
    file.write(b"good")
os.chmod("good", 0o4755)
for name in (b"-rf", b"new\\nline", b"\\xff\\xfe", b"\\x1b[31m", b"a" * 255):
    open(name, "wb").close()
s = socket.socket(socket.AF_UNIX)
try:
    s.bind("socket")
except OSError:
    pass
try:
    os.mknod("device", 0o660 | 0o020000, os.makedev(1, 1))
except OSError:
    pass
"""

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for fd in range(3):
            os.close(fd)
        time.sleep(60)
    os._exit(0)
os.wait()
print("left")
"""

DAEMON_THAT_LISTENS = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
os.wait()
print("left")
"""

SCRIPTS = {
    name.lower(): text.lstrip().replace("OUT", "__import__('os').path.dirname(__import__('sys').argv[1])")
    for name, text in tuple(globals().items())
    if name.isupper() and name != "FINDINGS"
}
"""By name. ``OUT`` stands for the folder of results; their first argument is the path of one."""
