"""What is known of a media file after it was inspected."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """A video stream. ``width`` and ``height`` in pixels as shown, after ``rotation`` (degrees clockwise) is applied."""

    codec: str
    width: int
    height: int
    frame_rate: Fraction
    rotation: int = 0
    pixel_format: str = ""
    frames: int = 0


@dataclass(frozen=True, slots=True)
class AudioFacts:
    """An audio stream. ``sample_rate`` in hertz."""

    codec: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """A file: ``duration`` in seconds, ``size`` in bytes."""

    container: str
    duration: float
    size: int
    video: VideoFacts | None = None
    audio: tuple[AudioFacts, ...] = ()

    def as_json(self) -> dict[str, object]:
        video = self.video and {
            "codec": self.video.codec,
            "width": self.video.width,
            "height": self.video.height,
            "frame_rate": str(self.video.frame_rate),
            "rotation": self.video.rotation,
            "pixel_format": self.video.pixel_format,
            "frames": self.video.frames,
        }
        audio = [{"codec": a.codec, "sample_rate": a.sample_rate, "channels": a.channels} for a in self.audio]
        return {
            "container": self.container,
            "duration": self.duration,
            "size": self.size,
            "video": video,
            "audio": audio,
        }


def facts_from_json(data: dict[str, object]) -> MediaFacts:
    """The reverse of ``MediaFacts.as_json``. Raises: KeyError, TypeError, ValueError when it is not that."""
    video, audio = data["video"], data["audio"]
    if not (video is None or isinstance(video, dict)) or not isinstance(audio, list):
        raise TypeError("not media facts")
    return MediaFacts(
        container=str(data["container"]),
        duration=float(str(data["duration"])),
        size=int(str(data["size"])),
        video=VideoFacts(**{**video, "frame_rate": Fraction(video["frame_rate"])}) if video else None,
        audio=tuple(AudioFacts(**a) for a in audio),
    )
