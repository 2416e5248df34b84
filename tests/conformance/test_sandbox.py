"""Every sandbox passes the suite: each adapter in this process, and the client of a runner that is a process of its own."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from reel_common.adapters.runner_client import RunnerClient
from reel_common.ports.runner_spool import OUTPUTS
from reel_common.ports.sandbox import Sandbox
from reel_common.ports.tool import Source
from reel_common.testing.clips import make_clip
from reel_common.testing.sandbox import Leftovers, SandboxConformance, digest, taken
from reel_executor.renditions import renditions
from reel_tools.ffmpeg import FFmpeg
from reel_tools.ffmpeg.operations import Fade, Resize, Trim
from reel_tools.inspector import Look, answers, checked_of, facts_of, inspection
from tests.sandboxes import leftovers as left_in
from tests.sandboxes import opened, runner_process, spool_folder

NEEDED = {"docker": "sandbox_image", "bubblewrap": "bubblewrap"}


@pytest.fixture(
    scope="class",
    params=[
        pytest.param("docker", marks=pytest.mark.server),
        pytest.param("bubblewrap", marks=pytest.mark.server),
        "confined",
        "runner",  # over its socket, with whatever it chooses here
    ],
)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="class")
def spool(kind: str) -> Iterator[Path]:
    with spool_folder() as folder:
        yield folder
        assert list((folder / OUTPUTS).iterdir()) == []


@pytest_asyncio.fixture(scope="class", loop_scope="class")
async def sandbox(kind: str, spool: Path, request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    if kind in NEEDED:
        request.getfixturevalue(NEEDED[kind])
    if kind == "runner":
        with runner_process(spool):
            async with RunnerClient(spool) as client:
                yield client
    else:
        async with await opened(spool, kind) as local:
            yield local


@pytest.fixture(scope="class")
def leftovers(spool: Path) -> Leftovers:
    return partial(left_in, spool)


@pytest.mark.asyncio(loop_scope="class")
class TestSandbox(SandboxConformance):
    """All of it, and the programs that the product is made of."""

    async def test_an_upload_is_looked_at_shown_and_edited(self, sandbox: Sandbox, tmp_path: Path) -> None:
        clip = make_clip(tmp_path / "clip.mp4", seconds=3)
        sha256 = digest(clip.read_bytes())
        await sandbox.put(clip, sha256)
        looked = await sandbox.run(inspection([(Look.FACTS, sha256)], clip.stat().st_size))
        facts = facts_of(answers(looked, 1)[0])
        shown = renditions(sha256, facts)
        assert shown is not None
        operations = (Trim(start=1, end=2), Resize(height=54), Fade(direction="out", duration=0.5))
        edit = FFmpeg().compile(operations, [Source(sha256, facts)]).program
        for program in (shown, edit):
            completed = await sandbox.run(program)
            assert completed.exit == 0, completed.stderr
            assert completed.refused == ()
            made = taken(completed)
            assert set(made) == {output.name for output in program.outputs}
        (tmp_path / "made").write_bytes(made[edit.outputs[0].name])
        await sandbox.put(tmp_path / "made", digest(made[edit.outputs[0].name]))
        looked = await sandbox.run(inspection([(Look.CHECK, digest(made[edit.outputs[0].name]))]))
        checked = checked_of(answers(looked, 1)[0])
        assert checked.video is not None
        assert checked.video.height == 54
        assert checked.video.duration == pytest.approx(1, abs=0.05)
