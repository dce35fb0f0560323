"""Files to views: against plain loops, another decoder, and files broken in every way."""

import itertools
import re
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import decord
import numpy as np
import pytest
from clipfiles import decoded, write_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from catsplit.errors import CatsplitError, ClipError
from catsplit.video import PRESETS, Sampling, fill_views, read_frames, read_views
from catsplit.videofile import check_whole

# Eight of ten frames, whole pictures of 80 × 80: no resizing and no cropping.
WHOLE = Sampling(frames=8, segments=2, crops=1, short_side=80, crop_size=80)

KINDS = {
    "plain.mp4": {},
    "faststart.mp4": {"options": {"movflags": "faststart"}},
    "fragmented.mp4": {"options": {"movflags": "frag_keyframe+empty_moov"}, "gop": 8},
    "groups.mp4": {"gop": 6, "frames": 50},
    "plain.webm": {},
    "sound.webm": {"audio": True},
    "plain.mkv": {},
    "plain.avi": {},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name, how in KINDS.items():
        write_clip(folder / name, **how)
    return folder


def naive_indices(count: int, frames: int, segments: int) -> list[list[int]]:
    """The published rule, a frame at a time."""
    tick = (count - 1) / frames
    result = []
    for s in range(segments):
        row = []
        for i in range(frames):
            start = round(tick * i + tick / segments * s)
            end = round(tick * i + tick / segments * (s + 1))
            row.append((start + end) // 2)
        result.append(row)
    return result


@settings(deadline=None)  # other work on the machine is no failure
@given(count=st.integers(1, 2000), frames=st.integers(1, 64), segments=st.integers(1, 6))
def test_frames_are_chosen_by_the_published_rule(count, frames, segments):
    indices = Sampling(frames=frames, segments=segments).indices(count)
    assert indices.tolist() == naive_indices(count, frames, segments)
    assert indices.min() >= 0
    assert indices.max() < count
    assert (np.diff(indices, axis=1) >= 0).all()


def test_presets():
    assert PRESETS["ssv2"].shape == (6, 16, 224, 224, 3)
    assert PRESETS["finegym"].shape == (6, 16, 224, 224, 3)
    assert PRESETS["stage"].shape == (2, 16, 40, 40, 3)


MARGIN = Sampling(frames=2, segments=2, crops=3, short_side=36, crop_size=28)


@pytest.mark.parametrize(
    ("sampling", "ending", "height", "width", "count"),
    [(PRESETS["ssv2"], "webm", 240, 320, 40), (PRESETS["ssv2"], "webm", 240, 427, 31),
     (PRESETS["ssv2"], "mp4", 320, 240, 23), (PRESETS["finegym"], "mp4", 270, 480, 50), (MARGIN, "mp4", 64, 100, 20),
     (MARGIN, "mp4", 100, 66, 20), (replace(MARGIN, short_side=56, crop_size=48), "mp4", 40, 62, 20)],
)
def test_views_a_pixel_at_a_time(tmp_path, sampling, ending, height, width, count):
    """Ordered by segment, then crop; resized by the short side; cropped along the long one."""
    path = write_clip(tmp_path / f"clip.{ending}", height=height, width=width, frames=count)
    views, frames, random = read_views(path, sampling), decoded(path), np.random.default_rng(0)
    assert len(frames) == count
    short, size = sampling.short_side, sampling.crop_size
    scaled = (short, int(short * width / height)) if width > height else (int(short * height / width), short)
    errors = []
    for s, row in enumerate(naive_indices(count, sampling.frames, 2)):
        for i, j in itertools.product(range(sampling.frames), range(3)):
            along, across = int(j * (max(scaled) - size) / 2), (short - size) // 2
            for y, x in random.integers(0, size, (4, 2)):
                pixel = (y + across, x + along) if width > height else (y + along, x + across)
                expected = naive_pixel(frames[row[i]].astype(float), *pixel, *scaled)
                errors.append(views[s * 3 + j, i, y, x] - expected)
    assert np.abs(errors).max() <= 2  # the fast path rounds in between
    assert np.abs(errors).mean() < 0.6


def test_views_go_where_they_are_wanted(folder):
    for frames, count in ((8, 20), (8, 5), (1, 20), (20, 20)):  # evenly spaced places among the frames, or not
        sampling = Sampling(frames=frames, segments=2, crops=4, short_side=64, crop_size=48)
        path = write_clip(folder / f"of-{count}.mp4", frames=count)
        out = np.full((2, *sampling.shape), 7, np.uint8)
        assert fill_views(path, sampling, out[1]) == count
        np.testing.assert_array_equal(out[1], read_views(path, sampling))
        all_frames = read_frames(path, 64)
        for s, row in enumerate(naive_indices(count, frames, 2)):
            for view, left in zip(out[1, 4 * s : 4 * s + 4], (0, 5, 10, 16), strict=True):
                np.testing.assert_array_equal(view, all_frames[row][:, 8:56, left : left + 48])
        assert (out[0] == 7).all()


@pytest.mark.parametrize("name", KINDS)
def test_frames_equal_those_of_another_decoder(folder, name):
    frames = decoded(folder / name)
    views = read_views(folder / name, WHOLE)
    for view, row in zip(views, naive_indices(len(frames), 8, 2), strict=True):
        np.testing.assert_array_equal(view, frames[row])


@pytest.mark.parametrize("name", ["plain.mp4", "plain.webm"])
def test_all_frames_of_a_clip(folder, tmp_path, name):
    np.testing.assert_array_equal(read_frames(folder / name, 80), decoded(folder / name))
    assert read_frames(folder / name, 48).shape == (20, 48, 48, 3)
    (tmp_path / name).write_bytes((folder / name).read_bytes()[:-500])
    with pytest.raises(ClipError, match="truncated"):
        read_frames(tmp_path / name, 80)


@pytest.mark.parametrize("width", [16, 24, 32, 48, 72, 96, 144, 176, 66, 110])
def test_every_width_is_decoded(tmp_path, width):
    # decord can't read the first widths as a batch.
    path = write_clip(tmp_path / "narrow.mp4", width=width, height=160, frames=20, gop=6)
    side = min(width, 160)
    views = read_views(path, Sampling(frames=8, segments=1, short_side=side, crop_size=side))
    frames = decoded(path)[naive_indices(20, 8, 1)[0]]
    top, left = (160 - side) // 2, (width - side) // 2
    np.testing.assert_array_equal(views[0], frames[:, top : top + side, left : left + side])


def naive_pixel(frame: np.ndarray, y: int, x: int, height: int, width: int) -> np.ndarray:
    """A pixel of the resized frame: bilinear with pixel centres at half numbers and edges repeated."""
    old_height, old_width = frame.shape[:2]
    v = min(max((y + 0.5) * old_height / height - 0.5, 0), old_height - 1)
    u = min(max((x + 0.5) * old_width / width - 0.5, 0), old_width - 1)
    top, left = int(v), int(u)
    bottom, right = min(top + 1, old_height - 1), min(left + 1, old_width - 1)
    above = frame[top, left] * (1 - (u - left)) + frame[top, right] * (u - left)
    below = frame[bottom, left] * (1 - (u - left)) + frame[bottom, right] * (u - left)
    return above * (1 - (v - top)) + below * (v - top)


def test_many_threads_read_alike(folder):
    alone = {name: read_views(folder / name, WHOLE) for name in KINDS}
    names = list(KINDS) * 12
    with ThreadPoolExecutor(8) as pool:
        for name, views in zip(names, pool.map(lambda name: read_views(folder / name, WHOLE), names), strict=True):
            np.testing.assert_array_equal(views, alone[name])


def test_a_clip_reads_alike_each_time(folder):
    """decord's skipping of frames gave another frame of an AVI once in a hundred readings."""
    first = read_views(folder / "plain.avi", WHOLE)
    for _ in range(300):
        np.testing.assert_array_equal(read_views(folder / "plain.avi", WHOLE), first)


def test_the_callers_bridge_does_not_matter(folder):
    expected = read_views(folder / "plain.mp4", WHOLE)
    decord.bridge.set_bridge("torch")
    try:
        np.testing.assert_array_equal(read_views(folder / "plain.mp4", WHOLE), expected)
    finally:
        decord.bridge.reset_bridge()


@pytest.mark.parametrize("ending", ["mp4", "webm", "avi"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_short_clips_repeat_frames_as_published(tmp_path, ending, count):
    path = write_clip(tmp_path / f"short.{ending}", frames=count)
    frames = decoded(path)
    assert len(frames) == count
    np.testing.assert_array_equal(read_views(path, WHOLE), frames[np.array(naive_indices(count, 8, 2))])
    with pytest.raises(ClipError, match=rf"short\.{ending} is too short: it has {count} frames, the sampling needs 8"):
        read_views(path, replace(WHOLE, min_frames=8))


@pytest.mark.parametrize("preset", PRESETS)
def test_the_presets_keep_short_clips(tmp_path, preset):
    path = write_clip(tmp_path / "short.mp4", frames=9)
    assert fill_views(path, PRESETS[preset], np.empty(PRESETS[preset].shape, np.uint8)) == 9


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"not a video\n" * 100, "can't be opened"),
        ("tiny.mp4", b"abc", "can't be opened"),
        ("tiny.webm", b"\x1a\x45\xdf\xa3", "truncated"),
        ("headless.mp4", (200, None), "can't be opened"),
        ("headless.webm", (200, None), "can't be opened"),
        ("unfinished.mp4", (None, 3000), "truncated"),
    ],
)
def test_files_that_are_no_videos(folder, tmp_path, name, content, message):
    path = tmp_path / name
    if isinstance(content, tuple):
        content = (folder / f"plain{path.suffix}").read_bytes()[slice(*content)]
    path.write_bytes(content)
    with pytest.raises(ClipError, match=message) as caught:
        read_views(path, WHOLE)
    assert str(path) in str(caught.value)


def test_no_file_at_all(tmp_path):
    with pytest.raises(ClipError, match=r"none\.mp4 doesn't exist"):
        read_views(tmp_path / "none.mp4", WHOLE)
    with pytest.raises(ClipError, match="is a folder"):
        read_views(tmp_path, WHOLE)


@pytest.mark.parametrize("name", KINDS)
def test_a_truncated_file_is_never_read_as_a_shorter_clip(folder, tmp_path, name):
    whole, path = (folder / name).read_bytes(), tmp_path / name
    lengths = set(np.linspace(1, len(whole) - 1, 40).astype(int).tolist())
    if name == "fragmented.mp4":
        # Cut exactly between two fragments it is a whole file, only shorter; a byte more tells.
        between = {match.start() - 4 for match in re.finditer(b"moof|mfra", whole)}
        assert len(between) == 4
        lengths = (lengths | {cut + extra for cut in between for extra in range(1, 10)}) - between
    for length in sorted(lengths):
        path.write_bytes(whole[:length])
        with pytest.raises(ClipError):
            read_views(path, WHOLE)


def test_pictures_that_cannot_be_decoded(folder, tmp_path):
    # Lengths of the units in H.264 that lead nowhere.
    for name in ("plain.mp4", "faststart.mp4"):
        whole = bytearray((folder / name).read_bytes())
        start = whole.index(b"mdat") + 4
        whole[start + 900 : start + 2200] = b"\xff" * 1300
        (tmp_path / name).write_bytes(whole)
        with pytest.raises(ClipError, match="damaged"):
            read_views(tmp_path / name, WHOLE)


def test_a_demuxer_that_lost_its_way(folder, tmp_path):
    whole = bytearray((folder / "plain.webm").read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 2000] = np.random.default_rng(1).bytes(2000)
    path = tmp_path / "lost.webm"
    path.write_bytes(whole)
    assert len(decord.VideoReader(str(path))) >= 8  # long enough for the sampling: only the end tells
    with pytest.raises(ClipError, match="its pictures end after"):
        read_views(path, WHOLE)


@pytest.mark.parametrize("seed", range(12))
def test_random_damage_is_an_error_or_a_clip_but_nothing_else(folder, tmp_path, seed):
    random = np.random.default_rng(seed)
    for name in KINDS:
        content = bytearray((folder / name).read_bytes())
        start = random.integers(len(content))
        length = min(int(random.integers(1, 2000)), len(content) - start)
        content[start : start + length] = random.bytes(length)
        (tmp_path / name).write_bytes(content)
        try:
            views = read_views(tmp_path / name, WHOLE)
        except ClipError:
            continue
        assert views.shape == WHOLE.shape


def test_padding_behind_a_file_is_no_damage(folder, tmp_path):
    expected = read_views(folder / "plain.mp4", WHOLE)
    for padding in (b"\0" * 3, b"\0" * 4096, b"\r\n"):
        path = tmp_path / "padded.mp4"
        path.write_bytes((folder / "plain.mp4").read_bytes() + padding)
        np.testing.assert_array_equal(read_views(path, WHOLE), expected)


def test_boxes_with_long_and_open_lengths_are_understood(tmp_path):
    index = struct.pack(">I4s", 8, b"moov")
    path = tmp_path / "boxes.mp4"
    path.write_bytes(index + struct.pack(">I4sQ", 1, b"mdat", 16 + 100) + bytes(100))
    check_whole(path)
    path.write_bytes(index + struct.pack(">I4sQ", 1, b"mdat", 16 + 101) + bytes(100))
    with pytest.raises(ClipError, match="truncated"):
        check_whole(path)
    path.write_bytes(index + struct.pack(">I4s", 0, b"mdat") + bytes(100))
    check_whole(path)
    path.write_bytes(index)
    with pytest.raises(ClipError, match="pictures"):
        check_whole(path)
    path.write_bytes(struct.pack(">I4s", 8, b"free") + struct.pack(">I4s", 4, b"mdat") + bytes(100))
    with pytest.raises(ClipError, match="no valid box at byte 8"):
        check_whole(path)


def test_a_live_stream_has_no_length(tmp_path):
    path = write_clip(tmp_path / "live.webm", options={"live": "1"})
    with pytest.raises(ClipError, match="tells no length"):
        read_views(path, WHOLE)


@pytest.mark.parametrize(
    "wrong",
    [{"frames": 0}, {"segments": -1}, {"crops": 1.5}, {"crop_size": 300}, {"min_frames": 0}],
)
def test_a_sampling_that_makes_no_sense(wrong):
    with pytest.raises(CatsplitError, match=str(next(iter(wrong.values())))):
        Sampling(**wrong)


def test_reading_clips_first_does_not_harm_torch():
    """decord, imported before torch, makes torch's matrix products crash the process on some builds."""
    code = "import catsplit.video, torch; print(torch.nn.Linear(384, 384)(torch.ones(1, 5, 384)).shape)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
