"""Benchmark folders: writing and reading them, finding videos. The published ones are in test_published.py."""

import json
import os
import pickle
import tempfile
import warnings
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catsplit.benchmark import Benchmark, write_benchmark
from catsplit.datasets import layout
from catsplit.datasets import writer as benchmark_writer
from catsplit.datasets.clipindex import ClipIndex
from catsplit.errors import BenchmarkError, ClipError
from catsplit.taxonomy import Taxonomy

# A busy machine is no reason to fail.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

GROUPS = {
    "Push": ("Push left", "Push right", "Push up"),
    "Pull": ("Pull left", "Pull right"),
    "Jump/hop": ("Jump high", "Hop, then stand"),
    "Hold": ("Hold",),
}
PARTS = {"A": ("Push",), "B": ("Pull", "Jump/hop")}
TAXONOMY = Taxonomy(GROUPS, PARTS)
FINE = tuple(TAXONOMY.group_of)
CLIPS = pd.DataFrame(
    [(f"{name}/{fine}, {n}.mp4", fine, name) for name in ("train", "val") for n in range(2) for fine in FINE],
    columns=["path", "fine", "set"],
)
PARAPHRASED = {fine: {"label": f"{fine} indeed", "modifier": f"as {fine}"} for fine in FINE}


@pytest.fixture
def written(tmp_path):
    folder = tmp_path / "bench"
    write_benchmark(folder, TAXONOMY, CLIPS, {"paraphrased": PARAPHRASED}, {"Push": "direction"})
    return folder


def open_quietly(folder, part, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return Benchmark.open(folder, part, **options)


def pairs(frame):
    assert list(frame.columns) == ["path", "row"]
    return list(zip(frame["path"].tolist(), frame["row"].tolist(), strict=True))


def everything(benchmark):
    """All that a benchmark says."""
    sets = [
        (split.subcategories, split.modifiers, pairs(benchmark.ft_set(split.coarse)),
         pairs(benchmark.equivalent_set(split.coarse)), pairs(benchmark.unrelated_set(split.coarse)))
        for split in benchmark.splits
    ]  # fmt: skip
    return benchmark.labels, pairs(benchmark.clips("train")), pairs(benchmark.clips("val")), sets


def expected(taxonomy, part, clips):
    """The same by the published conventions and plain loops."""
    labels, base, sets = list(taxonomy.label_space(part)), {"train": [], "val": []}, []
    for path, fine, kind in clips.itertuples(index=False):
        group = taxonomy.group_of[fine]
        base[kind].append((path, labels.index(group if group in taxonomy.parts[part] else fine)))
    for coarse in taxonomy.parts[part]:
        fine, new = taxonomy.groups[coarse], {"train": [], "val": []}
        for path, label, kind in clips.itertuples(index=False):
            if label in fine:
                new[kind].append((path, len(labels) + fine.index(label)))
        unrelated = [(path, row) for path, row in base["val"] if row != labels.index(coarse)]
        sets.append((fine, tuple(taxonomy.modifiers[label] for label in fine), new["train"], new["val"], unrelated))
    return tuple(labels), base["train"], base["val"], sets


NAMES = st.text(min_size=1, max_size=20).filter(str.strip)


@st.composite
def benchmarks(draw):
    names = draw(st.lists(NAMES, min_size=6, max_size=24, unique_by=str.casefold))
    groups = {}
    while len(names) > 1:
        size = draw(st.integers(2, 6))
        coarse, *fine = names[:size]
        groups[coarse] = fine
        del names[:size]
    places = {coarse: draw(st.sampled_from("AB-")) for coarse, fine in groups.items() if len(fine) > 1}
    taxonomy = Taxonomy(groups, {part: [coarse for coarse in places if places[coarse] == part] for part in "AB"})
    path = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp")), min_size=1, max_size=15)
    row = st.tuples(path, st.sampled_from(list(taxonomy.group_of)), st.sampled_from(["train", "val"]))
    rows = draw(st.lists(row, max_size=25, unique_by=lambda row: row[0]))
    return taxonomy, pd.DataFrame(rows, columns=["path", "fine", "set"])


@settings(PATIENT, max_examples=40)
@given(drawn=benchmarks())
def test_any_benchmark_survives_its_folder(drawn):
    taxonomy, clips = drawn
    with tempfile.TemporaryDirectory() as folder:
        write_benchmark(Path(folder) / "bench", taxonomy, clips)
        for part in "AB":
            benchmark = open_quietly(Path(folder) / "bench", part)
            assert everything(benchmark) == expected(taxonomy, part, clips)
            assert benchmark.taxonomy.groups == taxonomy.groups


@PATIENT
@given(labels=st.lists(st.text(min_size=1, max_size=300), unique=True, min_size=2))
def test_each_label_has_a_folder_of_its_own(labels):
    names = [layout.folder_name(label) for label in labels]
    assert len(set(names)) == len(labels)
    assert all(len(name.encode()) <= 200 and "/" not in name and name not in ("", ".", "..") for name in names)


def test_published_labels_are_their_own_folders():
    assert layout.folder_name("(BB) turns, free leg; at 0.5 turn") == "(BB) turns, free leg; at 0.5 turn"
    assert layout.folder_name("Jump/hop").startswith("Jump_hop-")
    assert layout.folder_name("train.csv") != "train.csv"


def test_an_existing_folder_is_kept_or_refused(written):
    (written / "videos").mkdir()
    before = {path: path.stat().st_mtime_ns for path in written.rglob("*")}
    write_benchmark(written, TAXONOMY, CLIPS, {"paraphrased": PARAPHRASED}, {"Push": "direction"})
    with pytest.raises(BenchmarkError, match="is there already and has another A/Push/"):
        write_benchmark(written, TAXONOMY, CLIPS[::-1], {"paraphrased": PARAPHRASED}, {"Push": "direction"})
    assert {path: path.stat().st_mtime_ns for path in written.rglob("*")} == before
    assert [path.name for path in written.parent.iterdir()] == ["bench"]


def test_a_writer_that_dies_leaves_nothing(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(benchmark_writer.layout, "write_table", fail)
    with pytest.raises(KeyboardInterrupt):
        write_benchmark(tmp_path / "bench", TAXONOMY, CLIPS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clips": CLIPS.drop(columns="fine")}, 'lacks the column "fine"'),
        ({"clips": CLIPS.assign(set="test")}, "Row 0 .* has the set 'test'"),
        ({"clips": CLIPS.assign(fine="Push lefft")}, "label 'Push lefft', which isn't fine-grained .*\"Push left\""),
        ({"clips": CLIPS.assign(path="a.mp4")}, 'has "a.mp4" twice'),
        ({"clips": CLIPS.assign(path="a\nb.mp4")}, "a text of one line"),
        ({"clips": CLIPS.assign(path=3)}, "has the path 3"),
        ({"wordings": {"paraphrased": {"Push left": PARAPHRASED["Push left"]}}}, 'no texts for "Push right"'),
        ({"wordings": {"exact": PARAPHRASED}}, 'can\'t be named "exact"'),
        ({"wordings": {"p": PARAPHRASED | {"Push": {}}}}, '"Push", which is no fine-grained label'),
        ({"wordings": {"p": PARAPHRASED | {"Push left": {"label": "x"}}}}, 'no modifier for "Push left"'),
        (
            {"wordings": {"p": PARAPHRASED | {"Push left": {"label": "Hold", "modifier": "m"}}}},
            'rewords a subcategory of "Push" as "Hold", already a label of part A',
        ),
        (
            {"wordings": {"p": PARAPHRASED | {"Push left": PARAPHRASED["Push right"]}}},
            'two subcategories of "Push" the label "Push right indeed"',
        ),
        ({"kinds": {"Hold": "state"}}, 'kind for "Hold", which no part splits'),
        ({"kinds": {"Push": ""}}, "'' as the kind of \"Push\""),
        (
            {"taxonomy": Taxonomy(GROUPS | {"PUSH": ("a", "b")}, {"A": ("Push", "PUSH")}), "clips": CLIPS},
            '"Push" and "PUSH" of part A differ in case only',
        ),
        ({"taxonomy": Taxonomy(GROUPS, {"../A": ("Push",)})}, 'The part "../A" can\'t be written'),
    ],
)
def test_what_the_writer_refuses(tmp_path, change, message):
    with pytest.raises(BenchmarkError, match=message):
        write_benchmark(**{"folder": tmp_path / "bench", "taxonomy": TAXONOMY, "clips": CLIPS} | change)
    assert list(tmp_path.iterdir()) == []


def test_layouts_that_differ_in_what_does_not_matter(written):
    """label.json, no stored unrelated_set, other line ends, a byte order mark, blank lines, bare commas."""
    before = [everything(Benchmark.open(written, part)) for part in "AB"]
    for part in "AB":
        (written / part / "labels.json").rename(written / part / "label.json")
        for path in (written / part).rglob("*.csv"):
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n").replace(b'"', b"") + b"\n\n")
    for path in (*written.rglob("unrelated_set.csv"), written / "wordings.json", written / "modifiers.json"):
        path.unlink()
    assert [everything(Benchmark.open(written, part)) for part in "AB"] == before


def test_wordings_change_the_targets_and_nothing_else(written):
    exact, other = Benchmark.open(written, "A"), Benchmark.open(written, "A", wording="paraphrased")
    assert (exact.wording, other.wording) == ("exact", "paraphrased")
    assert other.labels == exact.labels
    assert other.taxonomy == exact.taxonomy
    assert exact.split("Push").subcategories == GROUPS["Push"]
    assert exact.split("Push").modifiers == ("left", "right", "up")
    assert other.split("Push").subcategories == tuple(f"{fine} indeed" for fine in GROUPS["Push"])
    assert other.split("Push").modifiers == tuple(f"as {fine}" for fine in GROUPS["Push"])
    assert pairs(other.ft_set("Push")) == pairs(exact.ft_set("Push"))
    assert exact.split("Push").kind == other.split("Push").kind == "direction"
    assert Benchmark.open(written, "B").split("Pull").kind is None


def test_modifiers_of_the_folder_win(written):
    (written / "modifiers.json").write_text(json.dumps({"Push left": "to the left"}))
    benchmark = Benchmark.open(written, "A")
    assert benchmark.split("Push").modifiers == ("to the left", "right", "up")
    assert benchmark.taxonomy.modifiers["Pull right"] == "right"
    (written / "modifiers.json").write_text(json.dumps({"Push left": 1}))
    with pytest.raises(BenchmarkError, match='bench: The modifier of "Push left" is 1: give it a text or leave it out'):
        Benchmark.open(written, "A")


def test_tables_belong_to_the_caller(written):
    benchmark = Benchmark.open(written, "A")
    before = everything(benchmark)
    for table in (benchmark.clips("val"), benchmark.unrelated_set("Push")):
        table["row"] = -1
    assert everything(benchmark) == before


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f: Benchmark.open(f, "C"), 'no part \'C\': choose from: "A", "B"'),
        (lambda f: Benchmark.open(f, wording="plain"), 'no wording \'plain\': choose from: "exact", "paraphrased"'),
        (lambda f: Benchmark.open(f / "A"), f"no {layout.SCHEME}.*: give .*bench, and the part by its name"),
        (lambda f: Benchmark.open(f.parent), "so it is no benchmark folder: it holds the benchmarks bench"),
        (lambda f: Benchmark.open(f / "nowhere"), "so it is no benchmark folder"),
        (lambda f: Benchmark.open(f, videos=f / "nowhere"), "folder of videos .*nowhere doesn't exist"),
        (lambda f: Benchmark.open(f).split("Psh"), 'no category "Psh" to split \\(choose from: "Push"\\)'),
        (lambda f: Benchmark.open(f).ft_set("Pull"), 'Part A has no category "Pull" to split'),
        (lambda f: Benchmark.open(f).clips("test"), 'no clips \'test\': choose from: "train", "val"'),
        (lambda f: Benchmark.open(f).path("a.mp4"), "opened without videos: say Benchmark.open"),
    ],
)
def test_wrong_names_get_one_helpful_sentence(written, ask, message):
    with pytest.raises(BenchmarkError, match=message):
        ask(written)


def read_everything(folder):
    benchmark = Benchmark.open(folder, "A", wording="paraphrased")
    return benchmark.clips("train"), benchmark.ft_set("Push")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("A/labels.json", None, "neither labels.json nor label.json"),
        ("A/labels.json", '{"Push": 0, "Hold": 2}', "must give its 2 labels the rows 0 to 1, each once"),
        ("A/labels.json", '{"Push": 0, "Hold": true}', "must give its 2 labels the rows"),
        ("A/labels.json", '{"Push": 0, "Hold": 1}', "The labels of part A don't follow from the groups: "),
        ("A/train.csv", None, "train.csv is missing .1 of the part's 4 tables"),
        ("A/Push/ft_set.csv", None, "ft_set.csv is missing"),
        ("A/train.csv", "path,label\r\na.mp4,0\r\n", "Line 1 of .*train.csv isn't a clip's path"),
        ("A/train.csv", "a.mp4,0\r\nb.mp4,6\r\n", "Line 2 of .*train.csv .* a row number from 0 to 5"),
        ("A/train.csv", "a.mp4 0\n", "Line 1 of .*train.csv"),
        ("A/train.csv", ",0\n", "Line 1 of .*train.csv"),
        ("A/train.csv", "a.mp4,0\na.mp4,1\n", 'train.csv lists the clip "a.mp4" twice'),
        ("A/train.csv", b"\xff\xfe,0\n", "train.csv"),
        ("A/Push/ft_set.csv", "a.mp4,0\n", "ft_set.csv .* a row number from 6 to 8"),
        ("wordings.json", '{"paraphrased": 1}', 'key "paraphrased" that isn\'t a wording'),
        ("wordings.json", '{"paraphrased": {"Push left": {"label": "x"}}}', 'no modifier for "Push left"'),
        ("group_scheme.json", "{", "isn't valid JSON"),
    ],
)
def test_damaged_files_are_named(written, file, text, message):
    path = written / file
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BenchmarkError, match=message):
        read_everything(written)


def test_a_benchmark_travels_to_a_worker(written, tmp_path):
    (tmp_path / "7.mp4").touch()
    benchmark = pickle.loads(pickle.dumps(Benchmark.open(written, "A", videos=tmp_path)))
    assert benchmark.path("7.webm") == tmp_path / "7.mp4"
    assert pairs(benchmark.clips("val")) == pairs(Benchmark.open(written, "A").clips("val"))


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize("file", ["7.mp4", "7.webm", "7.MKV", "deep/er/7.webm"])
@pytest.mark.parametrize("clip", ["7.mp4", "7", "class/7.webm"])
def test_videos_are_found_by_their_stem(tmp_path, file, clip):
    touch(tmp_path, file, "70.mp4", "7.txt", ".7.mp4", "x.7.mp4")
    assert ClipIndex(tmp_path).path(clip) == tmp_path / file


def test_points_in_a_stem_are_kept(tmp_path):
    touch(tmp_path, "a.b.mp4", "a.mp4")
    assert ClipIndex(tmp_path).path("a.b.webm") == tmp_path / "a.b.mp4"
    assert ClipIndex(tmp_path).path("a.b") == tmp_path / "a.b.mp4"


def test_folders_and_then_the_ending_settle_what_the_stem_leaves_open(tmp_path):
    touch(tmp_path, "train/7.mp4", "val/7.mp4", "val/7.webm", "x/8.mp4", "y/8.mp4")
    index = ClipIndex(tmp_path)
    assert index.path("train/7.webm") == tmp_path / "train" / "7.mp4"
    assert index.path("val/7.webm") == tmp_path / "val" / "7.webm"
    with pytest.raises(ClipError, match=r'"8.mp4" could be .*x/8.mp4 or .*y/8.mp4: keep one of them'):
        index.path("8.mp4")


def test_a_missing_video_is_named_with_its_neighbours(tmp_path):
    index = ClipIndex(tmp_path)
    with pytest.raises(ClipError, match='holds no videos, so not that of the clip "7.mp4"; known endings are .*.webm'):
        index.path("7.mp4")
    touch(tmp_path, "clip_0007.mp4")
    with pytest.raises(ClipError, match=r'None of the 1 videos below .* is the clip "clip_0008.mp4" \(.*"clip_0007"'):
        ClipIndex(tmp_path).path("clip_0008.mp4")


def test_many_missing_videos_cost_no_comparison_with_all_others(tmp_path, monkeypatch):
    """The nearest of 220,847 spellings takes a third of a second, and of FineGym thousands of clips may be missing."""
    touch(tmp_path, *(f"{number}.webm" for number in range(1000, 1400) if number != 1213))
    monkeypatch.setattr("difflib.get_close_matches", lambda *_, **__: pytest.fail("compared with all"))
    index = ClipIndex(tmp_path)
    with pytest.raises(ClipError, match=r'\(nearest in order: "1211", "1212", "1214", "1215"\)'):
        index.path("1213.mp4")
    with pytest.raises(ClipError, match=r'\(nearest in order: "1398", "1399"\)'):
        index.path("x.mp4")


def test_a_folder_is_walked_once_with_linked_ones_and_late_videos_are_found(tmp_path_factory, monkeypatch):
    tmp_path, disk = tmp_path_factory.mktemp("videos"), tmp_path_factory.mktemp("disk")
    touch(tmp_path, "a/1.mp4")
    touch(disk, "2.mp4")
    (tmp_path / "b").symlink_to(disk, target_is_directory=True)
    (disk / "loop").symlink_to(tmp_path, target_is_directory=True)
    walked = []
    scandir = os.scandir
    noted = "catsplit.datasets.clipindex.os.scandir"
    monkeypatch.setattr(noted, lambda folder: walked.append(folder) or scandir(folder))
    index = ClipIndex(tmp_path)
    assert walked == []
    assert [index.path(clip).name for clip in ("1.mp4", "2.webm", "1")] == ["1.mp4", "2.mp4", "1.mp4"]
    touch(tmp_path, "c/3.mp4")
    assert index.path("c/3.mp4") == tmp_path / "c" / "3.mp4"
    assert len(walked) == 3
