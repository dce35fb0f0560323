"""`catsplit check`: what is wrong with a folder is found, all of it, and nothing else."""

import os
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from clipfiles import write_clip
from hypothesis import HealthCheck, given, settings
from madeup_videos import BROKEN, GROUPS, make_ssv2
from test_benchmark import CLIPS, TAXONOMY, benchmarks

from catsplit.benchmark import write_benchmark
from catsplit.datasets import video_checks
from catsplit.datasets.check import check, check_annotations
from catsplit.datasets.clipindex import ClipIndex
from catsplit.errors import ClipError
from catsplit.taxonomy import Taxonomy
from catsplit.video import PRESETS, Sampling, read_views

FLAT = CLIPS.assign(path=[f"{number}.mp4" for number in range(len(CLIPS))])

# The published frames, but small: resizing 500 clips to 224 pixels takes longer than decoding them.
SMALL = Sampling(frames=16, segments=2, crops=1, short_side=16, crop_size=16)
# Two frames, where the clips have no more.
GLANCE = Sampling(frames=2, segments=1, crops=1, short_side=16, crop_size=16)


# Four labels, so that there are twelve videos to encode.
FEW = {
    "groups": {name: GROUPS[name][:2] for name in ("Pushing something", "Pulling something")},
    "parts": {"A": ["Pushing something"], "B": ["Pulling something"]},
}


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """500 clips, five of them broken; not to be changed."""
    return make_ssv2(tmp_path_factory.mktemp("broken"))


@pytest.fixture(scope="session")
def deep(made, tmp_path_factory):
    """The report on them, with the published frames of all decoded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CATSPLIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return check(made.annotations, made.videos, deep=True, sampling=SMALL, progress=False)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CATSPLIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    """Annotations whose clips are "train/Push left, 0.mp4" and the like."""
    write_benchmark(tmp_path / "bench", TAXONOMY, CLIPS)
    return tmp_path / "bench"


@pytest.fixture
def flat(tmp_path):
    """Annotations whose clips are "0.mp4", "1.mp4", …"""
    write_benchmark(tmp_path / "flat", TAXONOMY, FLAT)
    return tmp_path / "flat"


def test_a_deep_check_finds_the_five_broken_clips_and_no_other_as_extraction_does(made, deep):
    assert sorted(made.broken.values()) == sorted(BROKEN)
    assert set(deep.missing) == {clip for clip, how in made.broken.items() if how == "missing"}
    assert set(deep.unreadable) == set(made.broken) - set(deep.missing)
    for clip, reason in deep.unreadable.items():
        with pytest.raises(ClipError) as error:
            read_views(ClipIndex(made.videos).path(clip), PRESETS["ssv2"])
        assert reason == str(error.value) or (made.broken[clip], "is a text" in reason) == ("text", True)
    assert all(f'"{clip}"' in str(deep) for clip in made.broken)
    assert deep.status == 1
    assert deep.clips == made.sets
    assert "499 videos, flat. 500 clips: 495 decoded, 1 without a video, 4 unreadable." in str(deep)


def test_headers_alone_show_all_but_damage_inside(made):
    report = check(made.annotations, made.videos, progress=False)
    assert {*report.missing, *report.unreadable} == {
        clip for clip, how in made.broken.items() if how != "corrupted mp4"
    }
    assert "496 whole by their headers (--deep decodes them), 1 without a video, 3 unreadable" in str(report)


# ------------------------------------------------------------------------------------------------------ videos


def write_videos(folder, clips, ending=".mp4"):
    """One tiny video under each clip's own path, whatever folders it names."""
    folder.mkdir(exist_ok=True)
    source = write_clip(folder / f"source{ending}", frames=4, height=64, width=64)
    for clip in clips:
        path = folder / clip
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path.with_suffix(ending))
    source.unlink()


def look(folder, videos, **options):
    return check(folder, videos, sampling=GLANCE, progress=False, **options)


def test_videos_are_found_by_their_stem_flat_or_nested_and_whole_if_they_repeat_frames(tmp_path, flat):
    write_videos(tmp_path / "one", FLAT["path"], ".mkv")
    write_videos(tmp_path / "nested", [f"{path[0]}/{path}" for path in FLAT["path"]])
    for name, kind in (("one", "flat"), ("nested", "in folders")):
        report = check(flat, tmp_path / name, sampling=SMALL, deep=True, progress=False)
        assert (report.wrong, report.notes, report.missing, report.unreadable, report.status) == ([], [], [], {}, 0)
        assert f"32 videos, {kind}. 32 clips: 32 decoded, 0 without" in str(report)
        assert report.following == f"catsplit extract {flat} --videos {tmp_path / name}"
        assert str(report).endswith(f"Nothing is wrong.\nNext: {report.following}")


def test_clips_that_differ_by_their_folders_only(tmp_path, folder):
    """ "train/Hold, 0.mp4" and "val/Hold, 0.mp4" are two clips, and a flat folder holds one video for both."""
    write_videos(tmp_path / "videos", CLIPS["path"])
    report = look(folder, tmp_path / "videos")
    assert (report.wrong, report.following) == ([], f"catsplit extract {folder} --videos {tmp_path / 'videos'}")
    write_videos(tmp_path / "one", {path.split("/", 1)[1] for path in CLIPS["path"]})
    (finding,) = look(folder, tmp_path / "one").wrong
    assert finding.what.startswith("32 clips share their video with another clip")
    assert "in folders named as in the annotations" in finding.advice


def test_several_videos_of_one_clip(tmp_path, flat):
    videos = tmp_path / "videos"
    write_videos(videos, FLAT["path"])
    shutil.copyfile(videos / "7.mp4", videos / "7.mkv")
    report = look(flat, videos)
    assert report.wrong == []
    (note,) = report.notes
    assert note.what == f'1 clips have more than one video of their stem: for "7.mp4", {videos / "7.mp4"} is taken.'
    (videos / "7.mp4").rename(videos / "7.webm")
    report = look(flat, videos)
    assert set(report.unreadable) == {"7.mp4"}
    assert report.missing == []
    assert "33 videos, flat. 32 clips: 31 whole by their headers (--deep decodes them), 0 without" in str(report)
    assert "0 unreadable, 1 with several videos" in str(report)
    (finding,) = report.wrong
    assert "keep one of them" in finding.what
    assert finding.advice.startswith("Keep one of each clip.")


def test_the_wrong_folder_of_videos(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    write_videos(tmp_path / "other", ["holiday.mp4"])
    for name, said in (
        ("nowhere", "nowhere doesn't exist"), ("empty", "there are no videos"),
        ("other", 'there are videos such as holiday.mp4, and the clips are "train/Push left, 0.mp4"'),
    ):  # fmt: skip
        report = look(folder, tmp_path / name)
        (finding,) = report.wrong
        assert said in finding.what
        assert "unpacked to" in finding.advice
        assert len(report.missing) == len(CLIPS)
        assert report.following == f"catsplit check {folder} --videos {tmp_path / name}"


def test_missing_clips_of_finegym_are_normal_but_not_those_of_others(tmp_path):
    names = [f"2pBxfMAIaX-_E_{number:06d}_001801_A_0000_0006.mp4" for number in range(len(CLIPS))]
    write_benchmark(tmp_path / "bench", TAXONOMY, CLIPS.assign(path=names))
    write_videos(tmp_path / "videos", names[3:])
    report = look(tmp_path / "bench", tmp_path / "videos")
    assert report.status == 0
    assert report.missing == names[:3]
    assert "3 of 16 training clips and 0 of 16 validation clips" in report.notes[0].what
    assert "extraction leaves out their clips" in report.notes[0].advice
    names[0] = "1.mp4"
    write_benchmark(tmp_path / "mixed", TAXONOMY, CLIPS.assign(path=names))
    report = look(tmp_path / "mixed", tmp_path / "videos")
    assert report.status == 1
    assert "extraction leaves these clips out" in report.wrong[0].advice


def test_the_splits_that_lose_many_of_their_clips_are_named(tmp_path, flat):
    val = FLAT[FLAT["set"] == "val"].set_index("fine")["path"]
    write_videos(tmp_path / "videos", set(FLAT["path"]) - {val["Pull left"].iloc[0], val["Hold"].iloc[0]})
    (note,) = look(flat, tmp_path / "videos").notes
    assert note.what == (
        "1 splits lose a tenth or more of their subcategories' validation clips: part B, \"Pull\" (1 of 4)."
    )


def test_strange_containers_and_links_are_looked_into(tmp_path, flat):
    videos = tmp_path / "videos"
    write_videos(videos, FLAT["path"])
    for number in range(4):
        (videos / f"{number}.mp4").unlink()
    write_clip(videos / "0.flv", frames=4, height=64, width=64)
    (videos / "1.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (videos / "2.mp4").symlink_to(tmp_path / "nothing.mp4")
    (videos / "3.mp4.part").write_bytes(b"\0")
    report = look(flat, videos)
    assert report.unreadable == {
        "1.mp4": f"{videos / '1.mp4'} can't be opened: it is no video, or damaged.",
        "2.mp4": f"{videos / '2.mp4'} doesn't exist.",
    }
    assert report.missing == ["3.mp4"]


@pytest.mark.slow
def test_a_deep_check_that_was_stopped_goes_on_but_for_what_changed(tmp_path, flat, cache, monkeypatch):
    """It is killed at the 20th clip, in batches of 8."""
    videos, decoded = tmp_path / "videos", []
    write_videos(videos, FLAT["path"])
    (videos / "2.mp4").write_bytes(b"")

    def read(path, sampling):
        decoded.append(os.path.basename(path))
        if len(decoded) == 20:
            raise KeyboardInterrupt
        return read_views(path, sampling)

    monkeypatch.setattr(video_checks, "_BATCH", 8)
    monkeypatch.setattr(video_checks, "read_views", read)

    def again():
        decoded[:] = [None] * 20
        report = look(flat, videos, deep=True)
        return sorted(report.unreadable), set(decoded[20:])

    def stop():
        decoded.clear()
        with pytest.raises(KeyboardInterrupt):
            look(flat, videos, deep=True, workers=1)
        return sorted((cache / "check").iterdir(), key=lambda path: path.stat().st_mtime_ns)

    names = list(FLAT["path"])
    assert len(stop()) == 2
    assert again() == (["2.mp4"], set(names[16:]))
    assert list((cache / "check").iterdir()) == []
    assert again() == (["2.mp4"], {*names} - {"2.mp4"})  # a finished check is made anew; an empty file is not decoded
    _, second = stop()
    second.write_text("{")
    shutil.copyfile(videos / "0.mp4", videos / "2.mp4")
    assert again() == ([], {*names})


# ------------------------------------------------------------------------------------------------- annotations


def test_an_intact_folder_has_nothing_wrong_and_tells_what_it_is(folder):
    report = check(folder)
    assert (report.wrong, report.notes) == ([], [])
    assert str(report).splitlines() == [
        f'{folder}: the published layout, parts A and B, clips in folders, such as "train/Push left, 0.mp4".',
        "Part A: 6 labels, 1 of them to be split into 3 subcategories; 16 training clips and 16 validation clips.",
        "Part B: 6 labels, 2 of them to be split into 4 subcategories; 16 training clips and 16 validation clips.",
        "", "Nothing is wrong.", f"Next: catsplit check {folder} --videos VIDEOS",
    ]  # fmt: skip


def edit(path, change):
    """Change the lines of a table: change(lines) returns the new ones."""
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line}\n" for line in change(lines)), encoding="utf-8")


def with_row(line, row):
    return f"{line.rsplit(',', 1)[0]},{row}"


DAMAGE = [
    ("no scheme", lambda f: (f / "group_scheme.json").unlink(), ["no group_scheme.json, so it is no benchmark"]),
    ("scheme is no JSON", lambda f: (f / "group_scheme.json").write_text("{"), ["isn't valid JSON"]),
    ("no part", lambda f: shutil.rmtree(f / "B"), ["B is missing: group_scheme.json has a part B"]),
    ("no labels", lambda f: (f / "A/labels.json").unlink(), ["neither labels.json nor label.json"]),
    (
        "a label that follows from nothing",
        lambda f: (f / "A/labels.json").write_text((f / "A/labels.json").read_text().replace("Pull left", "Left")),
        [r'labels of part A don\'t follow from the groups: "Left" isn\'t a label of that part \(2 such'],
    ),
    ("no train", lambda f: (f / "A/train.csv").unlink(), [
        "Can't read .*A/train.csv", "16 clips of another part's train.csv aren't in A/train.csv",
    ]),
    ("no split", lambda f: shutil.rmtree(f / "A/Push"), ["Can't read .*ft_set.csv", "Can't read .*equivalent_set.csv"]),
    ("no unrelated_set", lambda f: (f / "A/Push/unrelated_set.csv").unlink(), []),
    ("a header, a row too high", lambda f: edit(f / "B/val.csv", lambda x: ["path,row", with_row(x[0], 6), *x[1:]]), [
        r"Line 1 of .*B/val.csv .* row number from 0 to 5: .* \(2 such lines\)",
        "1 clips of another part's val.csv aren't in B/val.csv",
        r"unrelated_set.csv isn't B/val.csv without row \d: 1 clips are too many, 0 are lacking, 0 have another row",
        r"unrelated_set.csv isn't B/val.csv without row \d: 1 clips are too many",
    ]),
    ("a clip twice", lambda f: edit(f / "A/Push/ft_set.csv", lambda x: [*x, x[0]]), ['"train/Push left, 0.mp4" twice']),
    ("not UTF-8", lambda f: (f / "A/Push/ft_set.csv").write_bytes(b"\xff,6\n"), [
        "ft_set.csv is no table of clips in UTF-8 from about line 1", '6 clips of row 0, "Push", aren\'t in .*ft_set',
    ]),
    ("a clip of both sets", lambda f: [
        edit(f / part / "train.csv", lambda x: [*x, '"val/Hold, 0.mp4",5']) for part in "AB"
    ], ['1 clips are training and validation clips at once, for example "val/Hold, 0.mp4"']),
    ("a clip of one part only", lambda f: edit(f / "A/train.csv", lambda x: [*x, "new.mp4,5"]), [
        "1 clips of another part's train.csv aren't in B/train.csv, for example \"new.mp4\"",
    ]),
    ("parts that contradict each other", lambda f: edit(
        f / "A/train.csv", lambda x: [with_row(line, 5) if "Push up, 1" in line else line for line in x]
    ), ['1 training clips have rows in different parts that no fine-grained label explains, .*"train/Push up, 1.mp4"']),
    ("a clip lacking in ft_set", lambda f: edit(f / "A/Push/ft_set.csv", lambda x: x[1:]), [
        '1 clips of row 0, "Push", aren\'t in .*A/Push/ft_set.csv, for example "train/Push left, 0.mp4"',
    ]),
    ("another new row", lambda f: edit(f / "A/Push/equivalent_set.csv", lambda x: [with_row(x[0], 8), *x[1:]]), [
        "1 clips of .*A/Push/equivalent_set.csv are not those of its label in val.csv, .*\"val/Push left, 0.mp4\"",
    ]),
    ("strangers", lambda f: edit(f / "A/Push/ft_set.csv", lambda x: [*x, "x.mp4,6", '"train/Hold, 0.mp4",6']), [
        '2 clips of .*A/Push/ft_set.csv are not those of its label in train.csv, for example "train/Hold, 0.mp4"',
    ]),
    ("another unrelated_set", lambda f: edit(
        f / "A/Push/unrelated_set.csv", lambda x: ["x.mp4,1", with_row(x[0], 5), *x[2:]]
    ), [r"unrelated_set.csv isn't A/val.csv without row 0: 1 clips are too many, 1 are lacking, 1 have another row"]),
    ("modifiers", lambda f: (f / "modifiers.json").write_text('{"Push left": 1}'), [
        'The modifier of "Push left" is 1: give it a text or leave it out.',
    ]),
    ("wordings", lambda f: (f / "wordings.json").write_text('{"other": {"Pull left": {"label": "x"}}}'), [
        'The wording "other" in wordings.json has no modifier for "Pull left"',
    ]),
    ("kinds", lambda f: (f / "wordings.json").write_text('{"kinds": {"Hold": "x"}}'), ['a kind for "Hold"']),
]  # fmt: skip


@pytest.mark.parametrize(("damage", "expected"), [case[1:] for case in DAMAGE], ids=[case[0] for case in DAMAGE])
def test_each_kind_of_damage_is_one_finding_with_what_to_do(folder, damage, expected):
    damage(folder)
    report = check(folder)
    assert len(report.wrong) == len(expected), [finding.what for finding in report.wrong]
    for finding, what in zip(report.wrong, expected, strict=True):
        assert re.search(what, finding.what)
        assert finding.what.endswith(".")
        assert finding.advice.endswith(".")
        assert finding.what in str(report)
        assert f"What to do: {finding.advice}" in str(report)
    assert report.status == bool(expected)
    assert report.following.startswith("mend the annotations, then catsplit check" if expected else "catsplit check")


def test_all_that_is_wrong_is_found_at_once(folder):
    """Not the damage that hides others: no scheme, and labels and tables without which the rest can't be judged."""
    chosen = {"no part", "a clip twice", "strangers", "another unrelated_set", "modifiers", "kinds"}
    for name, damage, _ in DAMAGE:
        if name in chosen:
            damage(folder)
    wrong = "\n".join(finding.what for finding in check(folder).wrong)
    for name, _, expected in DAMAGE:
        assert name not in chosen or all(re.search(what, wrong) for what in expected), name


def test_a_broken_folder_is_still_held_against_its_videos(tmp_path, flat):
    (flat / "A" / "train.csv").unlink()
    write_videos(tmp_path / "videos", FLAT["path"][1:])
    report = look(flat, tmp_path / "videos")
    assert report.missing == ["0.mp4"]
    assert len(report.wrong) == 3


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=benchmarks())
def test_no_false_alarm_about_any_benchmark(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("any") / "bench"
    write_benchmark(folder, *drawn)
    assert check_annotations(folder).wrong == []


def test_one_label_for_two_categories_is_a_note(tmp_path):
    """As in FineGym-Split A: "Turn" is collapsed in A, and a subcategory of "Move" there."""
    groups = {"Turn": ("Turn left", "Turn right"), "Move": ("Turn", "Walk", "Run")}
    taxonomy = Taxonomy(groups, {"A": ("Turn",), "B": ("Move",)})
    rows = [(f"{kind}-{n}-{fine}.mp4", fine, kind) for kind, count in (("train", 3), ("val", 2)) for n in range(count)
            for fine in taxonomy.group_of]
    write_benchmark(tmp_path / "bench", taxonomy, pd.DataFrame(rows, columns=["path", "fine", "set"]))
    report = check(tmp_path / "bench")
    assert report.wrong == []
    (note,) = report.notes
    assert "so the two share one row. Row 0: 3 of 9 training clips and 2 of 6 validation clips are" in note.what
    table = tmp_path / "bench" / "A" / "Turn" / "ft_set.csv"
    edit(table, lambda lines: [*lines, with_row("train-0-Turn.mp4,", 4)])
    (finding,) = check(tmp_path / "bench").wrong
    assert "train-0-Turn.mp4" in finding.what
    edit(table, lambda lines: lines[1:-1])
    (finding,) = check(tmp_path / "bench").wrong
    assert finding.what.startswith('1 clips of row 0, "Turn", aren\'t in')
