"""``python -m reel_cli.demo``: makes a clip, edits it in this very process, and says where the result is and what it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from reel_cli.api import Api, Json
from reel_cli.delivering import Place, final_of
from reel_cli.editing import Made, Request, edited
from reel_cli.exits import CommandFailedError, Exit
from reel_cli.following import follow
from reel_cli.reaching import Need, reached
from reel_cli.running import run
from reel_cli.settings import read_settings
from reel_cli.showing import Display, complain, display
from reel_executor.runner.adapters.engines import host_engines

FOLDER = Path("build/demo")
PROMPT = "keep seconds 3 to 8, make it 720p, fade out at the end"
SECONDS, HEIGHT = 5.0, 720


def make_clip(path: Path) -> None:
    """Twelve seconds of 1080p: a moving test picture with a counter, and a tone. Ours, so no sandbox is needed."""
    picture, tone = "testsrc2=size=1920x1080:rate=30:duration=12", "sine=frequency=440:sample_rate=48000:duration=12"
    command = [str(host_engines().ffmpeg), "-y", "-loglevel", "error"]
    command += ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)]
    subprocess.run(command, check=True)  # noqa: S603 - our own words


async def show(folder: Path, clip: Path) -> list[str]:
    """Runs a job of each kind there is. Returns what is wrong with what came out."""
    settings = read_settings(home=folder / "home", url="")
    with display() as shown:
        shown.show("starting", None)
        async with reached(settings, shown, Need(work=True)) as api:
            begun = time.monotonic()
            asset, ingest = await _ingest(api, clip, shown)
            session = await api.order("sessions", {"name": clip.stem, "inputs": [asset["id"]]})
            request = Request(PROMPT, (clip,), "", Place(folder / "result.mp4", force=True))
            made = await edited(api, session, request, shown)
            seconds = time.monotonic() - begun
    if made.path is None:
        return [str((job.get("error") or {}).get("detail") or job["status"]) for job in (ingest, made.job)]
    _tell(made, seconds)
    return wrong_with(ingest, made)


async def _ingest(api: Api, clip: Path, shown: Display) -> tuple[Json, Json]:
    asset = await api.upload(clip, clip.name, clip.stat().st_size, lambda _: None)  # noqa: ASYNC240 - a moment
    job = str(asset["urls"]["job"]).rpartition("/")[2]
    return asset, await follow(api, job, shown)


def wrong_with(ingest: Json, made: Made) -> list[str]:
    """What is not as it was asked for."""
    final = final_of(made.job) or {}
    checks = {
        f"ingest ended {ingest['status']}": ingest["status"] == "succeeded",
        f"the edit ended {made.job['status']}": made.job["status"] == "succeeded",
        f"it is degraded: {made.job.get('degraded')}": not made.job.get("degraded"),
        f"it lasts {final.get('duration_s')} s": abs((final.get("duration_s") or 0) - SECONDS) < 0.1,
        f"it is {final.get('height')} pixels high": final.get("height") == HEIGHT,
        "the file is not what was delivered": made.path is not None and made.path.stat().st_size == final.get("bytes"),
    }
    return [words for words, well in checks.items() if not well]


def _tell(made: Made, seconds: float) -> None:
    final = final_of(made.job) or {}
    print(f"clip    {FOLDER / 'clip.mp4'}")
    print(f"asked   {PROMPT}")
    for step in made.plan.get("steps", []):
        print(f"plan    {step}")
    facts = f"{final['duration_s']:g} s, {final['width']}x{final['height']}, {final['media_type']}"
    print(f"result  {facts}, {final['bytes'] / 1e6:.1f} MB, made in {seconds:.1f} s")
    print(f"        {made.path}")


def main() -> int:
    """The exit code."""
    shutil.rmtree(FOLDER / "home", ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    clip = FOLDER / "clip.mp4"
    try:
        make_clip(clip)
        problems = run(show(FOLDER, clip))
    except CommandFailedError as error:
        complain(error)
        return error.exit_code
    for problem in problems:
        print(f"wrong: {problem}", file=sys.stderr)
    return Exit.FAILED if problems else Exit.DONE


if __name__ == "__main__":
    sys.exit(main())
