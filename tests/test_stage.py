"""Stage-Split: what it promises of its labels, its clips and its classifiers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import checkpoints
import evidence
import numpy as np
import pytest
import torch

from catsplit import stage
from catsplit.errors import BenchmarkError, CacheError
from catsplit.stage import render
from catsplit.stage.catalogue import ACTIONS, FAMILIES, NOVEL

PARTS = ("A", "B")


def place_of(label: str) -> int:
    return render.fine_labels().index(label)


def clips_of(label: str, count: int, split: str = "val") -> list[str]:
    return [name for name in render.clip_names(split) if render.label_index(name) == place_of(label)][:count]


# Labels


def test_it_is_as_large_as_promised():
    split = [a for a in ACTIONS if a.family]
    assert len(split) >= 20
    assert len(render.fine_labels()) >= 56
    assert len(set(render.fine_labels())) == len(render.fine_labels())
    kinds = {a.kind for a in split}
    assert kinds == {
        "direction",
        "relation",
        "speed",
        "outcome",
        "completion",
        "intent",
        "count",
        "interaction",
    }


@pytest.mark.parametrize("part", PARTS)
def test_each_family_has_two_donors_in_each_part(part):
    for family in set(FAMILIES) - set(NOVEL):
        assert sum(a.part == part and a.family == family for a in ACTIONS) >= 2, family


def test_novel_modifiers_occur_in_no_wording_of_the_other_part():
    assert len(stage.NOVEL_CATEGORIES) >= 4
    texts = {
        part: {text for a in ACTIONS if a.part == part and a.family for pair in FAMILIES[a.family] for text in pair}
        for part in PARTS
    }
    for action in ACTIONS:
        if action.family in NOVEL:
            other = texts["B" if action.part == "A" else "A"]
            assert not other & {text for pair in FAMILIES[action.family] for text in pair}


@pytest.mark.parametrize("part", PARTS)
def test_wordings_differ_in_the_targets_only(cache, part):
    exact, other = stage.load(part), stage.load(part, "paraphrased")
    assert exact.labels == other.labels
    for one, two in zip(exact.splits, other.splits, strict=True):
        assert (one.coarse, one.kind) == (two.coarse, two.kind)
        assert not set(one.modifiers) & set(two.modifiers)
        assert not set(one.subcategories) & set(two.subcategories)


@pytest.mark.parametrize("part", PARTS)
def test_the_three_sets_of_each_split_show_what_they_say(cache, part):
    benchmark, labels = stage.load(part), render.fine_labels()
    val = benchmark.clips("val")
    for split in benchmark.splits:
        for table, name, each in (
            (benchmark.ft_set(split.coarse), "train", render.CLIPS["train"]),
            (benchmark.equivalent_set(split.coarse), "val", render.CLIPS["val"]),
        ):
            assert len(table) == each * len(split.subcategories)
            for path, row in zip(table["path"], table["row"], strict=True):
                assert path.startswith(name)
                assert labels[render.label_index(path)] == split.subcategories[row - len(benchmark.labels)]
        unrelated = benchmark.unrelated_set(split.coarse)
        assert set(unrelated["path"]) == set(val["path"][val["row"] != benchmark.labels.index(split.coarse)])


def test_unknown_names_are_one_sentence_with_the_choices(cache):
    with pytest.raises(BenchmarkError, match="'A' and 'B'"):
        stage.load("C")
    with pytest.raises(BenchmarkError, match="'exact' and 'paraphrased'"):
        stage.load("A", "loud")
    with pytest.raises(BenchmarkError, match="'train' and 'val'"):
        stage.prepare("test", progress=False)
    with pytest.raises(BenchmarkError, match="no clip of Stage-Split"):
        stage.prepare(["val-99-000.mp4"], progress=False)
    with pytest.raises(BenchmarkError, match="Pushing something"):
        stage.load("A").split("Pushing somthing")


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CATSPLIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(CacheError, match="CATSPLIT_CACHE"):
        stage.prepare(clips_of("Waving a hand", 1), progress=False)


# Clips


def test_the_same_name_gives_the_same_bytes(tmp_path):
    names = [clips_of(label, 1)[0] for label in render.fine_labels()[::9]]
    for folder, workers in ((tmp_path / "one", 1), (tmp_path / "two", 2)):
        render.render(folder, names, workers=workers, progress=False)
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert len({(tmp_path / "one" / name).read_bytes() for name in names}) == len(names)


def test_a_decoded_clip_shows_the_frames_that_were_drawn(tmp_path):
    from catsplit.video import read_frames

    name = clips_of("Driving a toy car from left to right", 1)[0]
    render.render(tmp_path, [name], workers=1, progress=False)
    drawn, seen = render.frames(name).astype(float), read_frames(tmp_path / name, 80).astype(float)
    assert seen.shape == drawn.shape == (20, 80, 80, 3)
    assert np.abs(seen - drawn).mean() < 12  # compression costs a little; frames in another order would cost more
    assert np.abs(seen[::-1] - drawn).mean() > 1.5 * np.abs(seen - drawn).mean()


def test_what_is_there_is_not_rendered_again_and_damage_is_noticed(cache):
    names = clips_of("Holding something still", 4)
    assert stage.prepare(names, progress=False) == 4
    assert stage.prepare(names, progress=False) == 0
    victim = stage.load("A").path(names[1])
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.warns(UserWarning, match="damaged"):
        assert stage.prepare(names, progress=False) == 1
    assert victim.read_bytes() == whole


PREPARE = (
    "from catsplit import stage; from catsplit.stage import render; "
    "print(stage.prepare(render.clip_names('val')[::21], progress=False), flush=True)"
)


def start(cache: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE],
        env=os.environ | {"CATSPLIT_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def contents(cache: Path) -> dict[str, bytes]:
    """Clips that are there under their own names; pathlib's globs find hidden files, too."""
    found = cache.glob("stage-split-*/videos/*.mp4")
    return {path.name: path.read_bytes() for path in found if not path.name.startswith(".")}


def test_a_killed_rendering_goes_on_to_the_same_bytes(tmp_path):
    undisturbed = start(tmp_path / "whole")
    assert int(undisturbed.communicate(timeout=300)[0]) == 120
    killed = start(tmp_path / "killed")
    while len(contents(tmp_path / "killed")) < 10:
        assert killed.poll() is None
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    done = len(contents(tmp_path / "killed"))
    [videos] = (tmp_path / "killed").glob("stage-split-*/videos")
    (videos / ".val-00-000.0123456789ab.mp4").write_bytes(b"what a killed process leaves behind")
    assert 0 < done < 120
    again = int(start(tmp_path / "killed").communicate(timeout=300)[0])
    assert again <= 120 - done
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert not list(videos.glob(".*.mp4"))


def test_two_processes_at_once_share_one_rendering(tmp_path):
    both = [start(tmp_path / "shared") for _ in range(2)]
    assert sorted(int(process.communicate(timeout=300)[0]) for process in both) == [0, 120]
    assert len(contents(tmp_path / "shared")) == 120


# Motion siblings are the same frames in another order


@pytest.mark.parametrize(
    "action",
    [a for a in ACTIONS if a.family in ("direction", "interaction", "vertical")],
    ids=lambda a: a.label,
)
def test_siblings_of_motion_are_each_other_backwards(action, monkeypatch):
    from catsplit.stage.scene import Scene

    loops = []
    real = Scene.loop
    monkeypatch.setattr(Scene, "loop", lambda self, backwards: loops.append(real(self, backwards)) or loops[-1])
    for sibling in (0, 1):
        action.script(Scene(np.random.default_rng(5), "side"), sibling)
    assert np.allclose(loops[0], 1 - loops[1], atol=1e-6)


def test_every_moment_of_a_looped_action_is_equally_likely_in_every_frame():
    from catsplit.stage.scene import Scene

    progress = np.stack([Scene(np.random.default_rng(i), "side", size=2).loop(False) for i in range(2000)])
    for frame in (0, 10, 19):
        shares = np.histogram(progress[:, frame], 5, (0, 1))[0] / len(progress)
        assert np.abs(shares - 0.2).max() < 0.04


# Shipped classifiers and their evidence


@pytest.mark.parametrize("part", PARTS)
def test_the_shipped_classifier_is_small_and_good(part):
    card = stage.card(part)
    path = Path(stage.__file__).parent.parent / "assets" / f"stage-{part.lower()}.safetensors"
    assert card["parameters"] <= 1_000_000
    assert path.stat().st_size <= 3_000_000
    assert card["accuracy"] >= 85


@pytest.mark.parametrize("kind", stage.MOTION_KINDS)
def test_one_frame_does_not_tell_motion(kind):
    for frame, kinds in stage.measured("evidence")["one frame"]["accuracy among siblings"].items():
        assert kinds[kind]["accuracy"] <= kinds[kind]["chance"] + 10, frame


@pytest.mark.parametrize("part", PARTS)
def test_shuffled_frames_do_not_tell_motion(part):
    """Decoded anew and run through the shipped classifier: motion siblings of the other part, which it knows finely."""
    motion = [a for a in ACTIONS if a.part not in ("", part) and a.kind in stage.MOTION_KINDS]
    names = [name for a in motion for label in a.fine for name in clips_of(label, render.CLIPS["val"])]
    stage.prepare(names, progress=False)
    found = evidence.shuffled(
        stage.classifier(part),
        checkpoints.decode(names),
        [render.label_index(n) for n in names],
        checkpoints.columns(part),
    )
    for kind in stage.MOTION_KINDS:
        assert found["in order"][kind]["accuracy"] >= 75, "the classifier should see motion"
        assert found["shuffled"][kind]["accuracy"] <= found["shuffled"][kind]["chance"] + 10


@pytest.mark.parametrize("part", PARTS)
def test_features_and_head_agree_with_the_card(part):
    """The way of a clip ends at the accuracy that the card states, from the mp4 files on."""
    features, benchmark, head = stage.features(part, progress=False), stage.load(part), stage.head(part)
    rows = torch.tensor(benchmark.clips("val")["row"].to_numpy())
    predicted = head.logits(torch.from_numpy(np.array(features.features))).softmax(-1).mean(1).argmax(-1)
    assert abs(100 * (predicted == rows).float().mean().item() - stage.card(part)["accuracy"]) < 2
