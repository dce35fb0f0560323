"""Real video files with made-up content, for the tests of everything that reads clips."""

from pathlib import Path

import av
import numpy as np


def write_clip(
    path: Path, *, frames: int = 20, height: int = 80, width: int = 80, seed: int = 0, audio: bool = False,
    gop: int = 250, options: dict[str, str] | None = None,
) -> Path:
    """Write blocks of random colour that drift to the right: by path's ending VP9, or H.264 with B-frames."""
    base = np.random.default_rng(seed).integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    base = base.repeat(8, 0).repeat(8, 1)[:height, :width]
    with av.open(str(path), "w", options=options or {}) as container:
        codec = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
        stream = container.add_stream(codec, rate=12, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = width, height, "yuv420p", gop
        sound = container.add_stream("libopus", rate=48000) if audio else None
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(base, 3 * index, 1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 960 * 2), np.int16), layout="stereo")
            silence.sample_rate = 48000
            container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
    return path


def decoded(path: Path) -> np.ndarray:
    """All frames as another library decodes them, (n, H, W, 3) uint8."""
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
