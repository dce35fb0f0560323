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
from catsplit.benchmark import Benchmark
from catsplit.errors import BenchmarkError, CacheError
from catsplit.stage import render, words
from catsplit.stage.catalogue import ACTIONS, MODIFIERS
from catsplit.stage.plan import Plan
from catsplit.stage.scene import Scene

PARTS = ("A", "B")


def place_of(label: str) -> int:
    return render.fine_labels().index(label)


def clips_of(label: str, count: int, split: str = "val") -> list[str]:
    return [name for name in render.clip_names(split) if render.label_index(name) == place_of(label)][:count]


# Labels


def test_it_is_as_large_as_promised():
    assert len(set(render.fine_labels())) == len(render.fine_labels()) >= 160
    for part in PARTS:
        kinds = {action.kind for action in ACTIONS if action.part == part}
        assert kinds == {*stage.MOTION_KINDS, *stage.STATE_KINDS}


@pytest.mark.parametrize("part", PARTS)
def test_its_words_are_like_those_of_the_published_label_sets(cache, part):
    """Sizes in the range of SSv2-Split's parts, and each quantile of a cosine within 0.08 of their mean."""
    found, theirs = words.measure(stage.load(part)), words.published().loc[["SSv2-Split A", "SSv2-Split B"]].mean()
    bounds = {
        "splits": (24, 30), "targets": (75, 90), "entries": (75, 90), "mean k": (2.8, 3.2), "largest k": (6, 9),
        "known": (22, 32), "fully known": (2, 4),
    }  # fmt: skip
    for what, (least, most) in bounds.items():
        assert least <= found[what] <= most, what
    for what in theirs.index.difference(list(bounds)):
        assert abs(found[what] - theirs[what]) <= 0.08, what


@pytest.mark.parametrize("part", PARTS)
def test_the_published_label_sets_are_described_as_they_are(annotations, part):
    folder = annotations / "SSv2-Split"
    found, told = words.measure(Benchmark.open(folder, part)), words.published().loc[f"SSv2-Split {part}"]
    for what, value in told.items():
        assert found[what] == pytest.approx(value, abs=0.6 if what == "known" else 0.051 if what == "mean k" else 0.006)


def test_novel_modifiers_occur_in_one_part_only():
    assert len(stage.NOVEL_CATEGORIES) >= 4
    texts = {part: {modifier.text(part) for modifier in MODIFIERS.values()} - {""} for part in PARTS}
    for action in ACTIONS:
        if action.novel:
            other = texts[PARTS[1 - PARTS.index(action.part)]]
            assert not other & {
                modifier.text(action.part) for sub in action.subcategories for modifier in sub.modifiers
            }


@pytest.mark.parametrize("part", PARTS)
def test_wordings_differ_in_the_targets_only(cache, part):
    exact = stage.load(part)
    groups = exact.taxonomy.untouched_groups(part).values()
    known = {exact.taxonomy.modifiers[label] for members in groups if len(members) > 1 for label in members}
    shares = {}
    for wording in stage.WORDINGS:
        other = stage.load(part, wording)
        assert other.labels == exact.labels
        assert [(s.coarse, s.kind) for s in other.splits] == [(s.coarse, s.kind) for s in exact.splits]
        shares[wording] = np.mean([text in known for split in other.splits for text in split.modifiers])
    assert shares["known"] > 0.8
    assert shares["synonyms"] == shares["terse"] == 0


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
    with pytest.raises(BenchmarkError, match="'exact', 'known', 'synonyms', 'terse'"):
        stage.load("A", "loud")
    with pytest.raises(BenchmarkError, match="'train' and 'val'"):
        stage.prepare("test", progress=False)
    with pytest.raises(BenchmarkError, match="no clip of Stage-Split"):
        stage.prepare(["val-999-000.mp4"], progress=False)
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


COUNT = len(render.clip_names("val")[::20])
PREPARE = (
    "from catsplit import stage; from catsplit.stage import render; "
    "print(stage.prepare(render.clip_names('val')[::20], progress=False), flush=True)"
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
    assert int(undisturbed.communicate(timeout=300)[0]) == COUNT
    killed = start(tmp_path / "killed")
    while len(contents(tmp_path / "killed")) < 10:
        assert killed.poll() is None
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    done = len(contents(tmp_path / "killed"))
    [videos] = (tmp_path / "killed").glob("stage-split-*/videos")
    (videos / ".val-000-000.0123456789ab.mp4").write_bytes(b"what a killed process leaves behind")
    assert 0 < done < COUNT
    again = int(start(tmp_path / "killed").communicate(timeout=300)[0])
    assert again <= COUNT - done
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert not list(videos.glob(".*.mp4"))


def test_two_processes_at_once_share_one_rendering(tmp_path):
    both = [start(tmp_path / "shared") for _ in range(2)]
    assert sorted(int(process.communicate(timeout=300)[0]) for process in both) == [0, COUNT]
    assert len(contents(tmp_path / "shared")) == COUNT


# Motion siblings are the same frames in another order


def plan_of(place: int, seed: int) -> Plan:
    """What happens in a clip of a label, by its place in `render.fine_labels()`."""
    action = render.action(place)
    sub = next(sub for sub in action.subcategories if sub.label == render.fine_labels()[place])
    plan = Plan(Scene(np.random.default_rng(seed), "side", size=2), action.look)
    for bend in sub.bends:
        bend(plan)
    return plan


MOTIONS = [places for kind, places in evidence.families() if kind in ("direction", "interaction")]


@pytest.mark.parametrize("places", MOTIONS, ids=lambda places: render.fine_labels()[places[0]])
def test_siblings_of_motion_are_each_other_backwards(places, monkeypatch):
    loops = []
    real = Plan.loop
    monkeypatch.setattr(Plan, "loop", lambda self, backwards: loops.append(real(self, backwards)) or loops[-1])
    one, other = (plan_of(place, seed=5).one for place in places)
    if loops:
        assert np.allclose(loops[0], 1 - loops[1], atol=1e-6)
    else:  # it turns on the spot
        assert np.allclose(np.diff(one.angle), -np.diff(other.angle), atol=1e-6)


def test_every_moment_of_a_looped_action_is_equally_likely_in_every_frame():
    look = ACTIONS[0].look
    plans = (Plan(Scene(np.random.default_rng(i), "side", size=2), look) for i in range(2000))
    progress = np.stack([plan.loop(False) for plan in plans])
    for frame in (0, 10, 19):
        shares = np.histogram(progress[:, frame], 5, (0, 1))[0] / len(progress)
        assert np.abs(shares - 0.2).max() < 0.04


def test_actions_that_look_alike_share_modifiers():
    """What an edit of one can take from the other: there are four such pairs or more in each part."""
    for part in PARTS:
        looks = [
            (a.look.agent, {m for sub in a.subcategories for m in sub.modifiers}) for a in ACTIONS if a.part == part
        ]
        pairs = [one for i, one in enumerate(looks) for other in looks[:i] if one[0] is other[0] and one[1] & other[1]]
        assert len(pairs) >= 4


# Shipped classifiers and their evidence


@pytest.mark.parametrize("part", PARTS)
def test_the_shipped_classifier_is_small_and_errs_as_often_as_on_film(part):
    card = stage.card(part)
    path = Path(stage.__file__).parent.parent / "assets" / f"stage-{part.lower()}.safetensors"
    assert card["parameters"] <= 1_000_000
    assert path.stat().st_size <= 3_000_000
    accuracies = stage.measured("seeds")[part]["accuracy"]
    assert len(accuracies) == 3
    assert card["accuracy"] == accuracies[0]
    assert all(65 <= accuracy <= 80 for accuracy in accuracies)


@pytest.mark.parametrize("part", PARTS)
def test_edits_cost_what_they_cost_on_film(part):
    """As the record of three base classifiers has it: data/results/stage-bases.csv, whose means ship."""
    for scores in stage.measured("seeds")[part]["scores"]:
        rates = {method: {rate: value[0] for rate, value in found.items()} for method, found in scores.items()}
        assert 97.0 <= rates["alignment"]["locality"] <= 99.3
        assert rates["alignment, doubled"]["locality"] < 97.0
        assert 70 <= rates["oracle"]["generality"] <= 92
        assert scores["retrieval"]["generality"][1] > scores["copies"]["generality"][2], "the intervals are apart"


@pytest.mark.parametrize("kind", stage.MOTION_KINDS)
def test_one_frame_does_not_tell_motion(kind):
    for frame, kinds in stage.measured("evidence")["one frame"]["accuracy among siblings"].items():
        assert kinds[kind]["accuracy"] <= kinds[kind]["chance"] + 10, frame


@pytest.mark.parametrize("part", PARTS)
def test_shuffled_frames_do_not_tell_motion(part):
    """Decoded anew and run through the shipped classifier: motion siblings of the other part, which it knows finely."""
    labels = render.fine_labels()
    motion = [
        labels[place]
        for kind, places in evidence.families()
        for place in places
        if kind in stage.MOTION_KINDS and render.action(place).part != part
    ]
    names = [name for label in motion for name in clips_of(label, render.CLIPS["val"])]
    stage.prepare(names, progress=False)
    network, clips, places = stage.classifier(part), checkpoints.decode(names), [render.label_index(n) for n in names]
    # Sixty clips show interactions: one random order of each tells chance from chance + 10 too seldom.
    draws = [evidence.shuffled(network, clips, places, checkpoints.columns(part), seed) for seed in range(5)]
    for kind in stage.MOTION_KINDS:
        assert draws[0]["in order"][kind]["accuracy"] >= 75, "the classifier should see motion"
        shuffled = np.mean([found["shuffled"][kind]["accuracy"] for found in draws])
        assert shuffled <= draws[0]["shuffled"][kind]["chance"] + 10


@pytest.mark.parametrize("part", PARTS)
def test_features_and_head_agree_with_the_card(part):
    """The way of a clip ends at the accuracy that the card states, from the mp4 files on."""
    features, benchmark, head = stage.features(part, progress=False), stage.load(part), stage.head(part)
    rows = torch.tensor(benchmark.clips("val")["row"].to_numpy())
    predicted = head.logits(torch.from_numpy(np.array(features.features))).softmax(-1).mean(1).argmax(-1)
    assert abs(100 * (predicted == rows).float().mean().item() - stage.card(part)["accuracy"]) < 2
