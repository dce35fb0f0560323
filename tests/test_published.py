"""The published annotations of SSv2-Split and FineGym-Split, read clip by clip beside a reader of csv by hand."""

import csv
import filecmp
import json
import shutil
import subprocess
import sys
import warnings

import pandas as pd
import pytest

from catsplit.benchmark import Benchmark, write_benchmark
from catsplit.datasets import layout
from catsplit.datasets.check import check

# Groups, A, B, fine-grained labels, rows of A and B, training and validation clips, largest k.
PUBLISHED = {
    "SSv2-Split": (66, 27, 27, 174, 119, 121, 168_913, 24_777, 9),
    "FineGym-Split": (56, 23, 19, 285, 178, 162, 23_171, 8_162, 19),
}
ALL_PARTS = [(name, part) for name in PUBLISHED for part in "AB"]
SHARED_LABEL = "(BB) salto forward tucked"


def open_quietly(folder, part):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return Benchmark.open(folder, part)


def by_hand(path):
    """A table by Python's csv module alone: its paths and its rows."""
    paths, rows = [], []
    with open(path, newline="", encoding="utf-8") as file:
        for fields in csv.reader(file):
            path, row = fields
            paths.append(path)
            rows.append(int(row))
    return paths, rows


def columns(frame):
    assert list(frame.columns) == ["path", "row"]
    return frame["path"].tolist(), frame["row"].tolist()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_counts_are_exact(annotations, name):
    a, b = (open_quietly(annotations / name, part) for part in "AB")
    assert a.taxonomy.groups == b.taxonomy.groups
    assert PUBLISHED[name] == (
        len(a.taxonomy.groups), len(a.splits), len(b.splits), len(a.taxonomy.group_of), len(a.labels), len(b.labels),
        len(a.clips("train")), len(a.clips("val")), max(len(split.subcategories) for split in a.splits + b.splits),
    )  # fmt: skip
    assert (len(b.clips("train")), len(b.clips("val"))) == PUBLISHED[name][6:8]


@pytest.mark.parametrize(("name", "part"), ALL_PARTS)
def test_every_clip_of_every_set_is_the_published_one(annotations, name, part):
    benchmark = open_quietly(annotations / name, part)
    folder = annotations / name / part
    scheme = json.loads((annotations / name / "group_scheme.json").read_text())
    labels = json.loads((folder / "labels.json").read_text())
    assert {label: row for row, label in enumerate(benchmark.labels)} == labels
    for kind in ("train", "val"):
        assert columns(benchmark.clips(kind)) == by_hand(folder / f"{kind}.csv")
    assert [split.coarse for split in benchmark.splits] == scheme[part]
    for split in benchmark.splits:
        own = folder / split.coarse
        assert benchmark.split(split.coarse) is split
        assert benchmark.labels.index(split.coarse) == labels[split.coarse]
        assert list(split.subcategories) == scheme["group_scheme"][split.coarse]
        assert columns(benchmark.ft_set(split.coarse)) == by_hand(own / "ft_set.csv")
        assert columns(benchmark.equivalent_set(split.coarse)) == by_hand(own / "equivalent_set.csv")
        assert columns(benchmark.unrelated_set(split.coarse)) == by_hand(own / "unrelated_set.csv")


def test_reading_needs_no_network_library_and_little_memory(annotations, root):
    """All of the largest part in 300 MB; how long it takes, benchmarks/read_published.py measures."""
    code = f"""
import sys
from catsplit.benchmark import Benchmark
bench = Benchmark.open({str(annotations / "SSv2-Split")!r}, "A")
bench.clips("train"), bench.clips("val")
for split in bench.splits:
    bench.ft_set(split.coarse), bench.equivalent_set(split.coarse), bench.unrelated_set(split.coarse)
assert not {{"torch", "decord", "transformers"}} & set(sys.modules)
try:
    print(next(int(line.split()[1]) / 1e3 for line in open("/proc/self/status") if line.startswith("VmHWM")))
except OSError:
    print(0)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 300


def test_the_label_of_two_categories_is_survived_reported_and_explained(annotations):
    with pytest.warns(UserWarning, match="Row 134: 7 of the row's 270 training clips and 4 of the row's 89"):
        benchmark = Benchmark.open(annotations / "FineGym-Split", "A")
    (problem,) = benchmark.problems
    assert f'"{SHARED_LABEL}" is a coarse category and also a subcategory of "(BB) salto tucked"' in problem
    assert "the sets of the split leave them out" in problem
    assert benchmark.labels.index(SHARED_LABEL) == 134
    assert (len(benchmark.ft_set(SHARED_LABEL)), len(benchmark.equivalent_set(SHARED_LABEL))) == (263, 85)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, part in ALL_PARTS:
            if (name, part) != ("FineGym-Split", "A"):
                assert Benchmark.open(annotations / name, part).problems == ()


@pytest.mark.parametrize("name", PUBLISHED)
def test_writing_a_published_benchmark_again_gives_its_bytes(annotations, tmp_path, name):
    a, b = (open_quietly(annotations / name, part) for part in "AB")
    rows = []
    for kind in ("train", "val"):
        in_b = dict(zip(*columns(b.clips(kind)), strict=True))
        for path, row in zip(*columns(a.clips(kind)), strict=True):
            fine = b.labels[in_b[path]]
            rows.append((path, fine if fine in a.taxonomy.group_of else a.labels[row], kind))
    write_benchmark(tmp_path / name, a.taxonomy, pd.DataFrame(rows, columns=["path", "fine", "set"]))
    published = [path for path in sorted((annotations / name).rglob("*")) if path.is_file()]
    assert len(published) == 1 + 2 * 3 + 3 * len(a.splits + b.splits)
    for path in published:
        again = tmp_path / name / path.relative_to(annotations / name)
        if path.name == layout.SCHEME:
            assert json.loads(again.read_text()) == json.loads(path.read_text())
        else:
            assert filecmp.cmp(path, again, shallow=False), path


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_check_finds_nothing_wrong_with_the_published_files(annotations, name):
    report = check(annotations / name)
    _, in_a, in_b, _, rows_a, rows_b, train, val, _ = PUBLISHED[name]
    assert report.wrong == []
    assert report.status == 0
    assert (len(report.clips["train"]), len(report.clips["val"])) == (train, val)
    text = str(report)
    assert "the published layout, parts A and B, clips flat" in text
    assert f"Part A: {rows_a} labels, {in_a} of them to be split" in text
    assert f"Part B: {rows_b} labels, {in_b} of them to be split" in text
    shared = [note for note in report.notes if "Row 134" in note.what]
    assert len(shared) == (name == "FineGym-Split")
    if shared:
        assert "7 of 270 training clips and 4 of 89 validation clips" in shared[0].what
        assert "the published FineGym-Split is so" in shared[0].advice


def test_the_check_finds_a_clip_that_left_its_row(annotations, tmp_path):
    """One line in a million, in the file of one split; and beside the shared label, where less is certain."""
    folder = shutil.copytree(annotations / "FineGym-Split", tmp_path / "gym")
    table = folder / "A" / SHARED_LABEL / "equivalent_set.csv"
    lines = table.read_text().splitlines()
    clip, row = lines[0].rsplit(",", 1)
    other = 178 if row != "178" else 179
    table.write_text("\n".join([f"{clip},{other}", *lines[2:]]) + "\n")
    wrong = [finding.what for finding in check(folder).wrong]
    assert len(wrong) == 2
    assert wrong[0].startswith(f"1 clips of {table} ")
    assert clip in wrong[0]
    assert wrong[1].startswith('1 clips of row 134, "(BB) salto forward tucked", aren\'t in')
