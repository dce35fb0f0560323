"""A setting: what it answers, what a file may say, and what is refused before anything is loaded."""

import json

import numpy as np
import pytest
import torch
from madeup import encode, world

import catsplit
from catsplit import stage
from catsplit.benchmark import Benchmark
from catsplit.errors import CatsplitError, HeadError
from catsplit.head import Head
from catsplit.modifiers import Dictionary
from catsplit.setting import Setting


@pytest.fixture
def here(tmp_path):
    return world(tmp_path / "bench")


@pytest.fixture
def made(here):
    return Setting(here.head, benchmark=here.benchmark, features=here.features, training=here.training, encode=encode)


def test_what_is_not_given_follows_from_the_benchmark(here, made):
    groups, modifiers = here.benchmark.taxonomy.untouched_groups("A"), here.benchmark.taxonomy.modifiers
    wanted = Dictionary.from_head(here.head, groups, modifiers)
    assert (made.dictionary.labels, made.dictionary.modifiers) == (wanted.labels, wanted.modifiers)
    assert torch.equal(made.dictionary.vectors, wanted.vectors)
    assert made.alignment is made.alignment
    assert made.alignment.seeds == made.seeds == (0, 1, 2)
    other = made.replace(seeds=(5,))
    assert other.alignment.seeds == (5,)
    assert other.dictionary is made.dictionary
    assert made.wordings == ("exact", "other")
    assert made.worded("other").split("Pulling").modifiers == ("leftwards", "rightwards")
    assert set(made.training.paths) == set(here.benchmark.clips("train")["path"])


def test_a_small_benchmark_makes_features_of_its_training_clips_once(here):
    asked = []

    def source(names):
        asked.append(len(names))
        return here.training(names)

    small = Setting(here.head, benchmark=here.benchmark, features=here.features, training=source, small=True)
    split = small.split("Pushing")
    small.training_clips.fetch([(split, 1, 0)])
    small.training_clips.everything(split)
    assert small.training is small.training
    assert asked == [len(here.benchmark.clips("train"))]


def test_targets_and_clips_are_the_benchmarks(here, made):
    split = made.split("Pushing")
    fine, row_of = split.subcategories, {label: row for row, label in enumerate(here.benchmark.labels)}
    true = {path: len(here.head) + j for j, label in enumerate(fine) for path in made.clips_of(label)}
    true |= {path: row for label, row in row_of.items() if label != "Pushing" for path in made.clips_of(label)}
    assert made.targets(split).tolist() == made.targets("Pushing").tolist() == [true[p] for p in here.features.paths]
    assert all(len(made.clips_of(label)) == 6 for label in fine)
    assert sorted(made.clips_of("Pushing")) == sorted(path for label in fine for path in made.clips_of(label))


def test_a_head_predicts_labels(here, made):
    likely = here.head.probabilities(here.features.features).argmax(1).tolist()
    assert made.head.predict(made.features) == [here.head.labels[row] for row in likely]


def test_a_split_has_the_benchmarks_names_or_ones_own(made):
    assert made.split("Pulling") is made.benchmark.split("Pulling")
    own = made.split("Pulling", ["Pulling fast", "Pulling slowly"])
    assert (own.subcategories, own.modifiers) == (("Pulling fast", "Pulling slowly"), ("fast", "slowly"))
    with pytest.raises(HeadError, match="0 subcategories need as many"):
        made.split("Pulling", modifiers=["fast", "slowly"])
    given = made.split("Pulling", ["Tugging", "Hauling"], ["with a jerk", "for long"])
    assert given.modifiers == ("with a jerk", "for long")


def test_a_classifier_alone_says_what_it_lacks(here):
    taxonomy = here.benchmark.taxonomy
    alone = Setting(here.head, groups=taxonomy.untouched_groups("A"), modifiers=taxonomy.modifiers, encode=encode)
    assert len(alone.dictionary) == 7
    for ask, words in (("features", "without a benchmark"), ("model", "no backbone"), ("vision_language", "no vision")):
        with pytest.raises(CatsplitError, match=words):
            getattr(alone, ask)
    with pytest.raises(CatsplitError, match="needs `groups` and `modifiers`"):
        _ = Setting(here.head).dictionary


def test_a_head_of_other_labels_is_refused(here):
    labels = list(here.head.labels)
    labels[1], labels[2] = labels[2], labels[1]
    with pytest.raises(CatsplitError, match="row 1 is .* in the head and .* in the benchmark"):
        Setting(Head(here.head.weight, here.head.bias, labels), benchmark=here.benchmark)


def test_without_a_file_it_is_stage_split(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CATSPLIT_SETTING", raising=False)
    settings = catsplit.settings()
    assert list(settings) == ["A", "B"]
    b = settings["B"]
    assert "synthetic" in b.name
    assert b.head.labels == stage.head("B").labels
    wanted = stage.features("B")
    assert b.features.paths == wanted.paths
    assert np.array_equal(b.features.features, wanted.features)
    clip = b.clips_of(b.splits[0].subcategories[0])[0]
    assert b.views(clip) is b.views(clip)  # small, so that decoded clips are kept


# A file


@pytest.fixture
def film(tmp_path, here):
    """A folder with a benchmark, videos and a model of part A; and a function that writes a setting beside them."""
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    (tmp_path / "videos").mkdir()
    for part in "AB":
        labels = Benchmark.open(tmp_path / "bench", part).labels
        config = VideoMAEConfig(
            image_size=32, patch_size=16, num_frames=8, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
            intermediate_size=64, id2label=dict(enumerate(labels)),
        )  # fmt: skip
        VideoMAEForVideoClassification(config).save_pretrained(tmp_path / f"model-{part}")

    def write(**changes):
        values = {"benchmark": "bench", "videos": "videos", "model": "model-{part}"} | changes
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
        (tmp_path / "catsplit.toml").write_text("\n".join(lines))
        return tmp_path / "catsplit.toml"

    return write


def test_paths_in_a_file_are_relative_to_it(film, tmp_path, monkeypatch):
    file = film(parts=["A", "B"], seeds=[3, 4], encoder="minilm")
    both = catsplit.settings(file)
    assert [setting.part for setting in both.values()] == ["A", "B"]
    assert both["A"].benchmark.folder == tmp_path / "bench"
    assert both["A"].seeds == (3, 4)
    assert both["B"].head.labels == both["B"].benchmark.labels
    assert list(catsplit.settings(file, parts=("B",), videos=tmp_path / "videos")) == ["B"]


def test_the_file_is_the_one_of_the_variable_or_that_of_the_folder(film, tmp_path, monkeypatch):
    film()
    monkeypatch.delenv("CATSPLIT_SETTING", raising=False)
    monkeypatch.chdir(tmp_path)
    assert catsplit.settings()["A"].name == "bench"
    assert "synthetic" in catsplit.settings(benchmark="stage")["A"].name
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "synthetic" in catsplit.settings()["A"].name
    monkeypatch.setenv("CATSPLIT_SETTING", str(tmp_path / "catsplit.toml"))
    assert catsplit.settings()["A"].name == "bench"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"benchmark": "nowhere"}, "nowhere"),
        ({"videos": "nowhere"}, "nowhere"),
        ({"videos": None}, 'give "videos" in a setting, or --videos'),
        ({"model": "model-B"}, "of model-B|model-B must be the .* of part A"),
        ({"model": "nowhere.pth", "positions": "mvd"}, "no checkpoint .*nowhere.pth"),
        ({"model": "nowhere.pth"}, 'give "positions", mvd or videomae'),
        ({"model": "some/name"}, '"some/name"'),
        ({"parts": ["C"]}, "no part 'C'"),
        ({"parts": "A"}, '"parts" must be like'),
        ({"seeds": [0, 0]}, '"seeds" must be like .0, 1, 2.'),
        ({"leave_out_short": "yes"}, '"leave_out_short" must be like True'),
        ({"seeds": [True]}, '"seeds" must be like .0, 1, 2.'),
        ({"device": "cuda:9"}, 'no device "cuda:9" on this machine .choose from: "cpu"'),
        ({"device": "gpu"}, 'no device "gpu"'),
        ({"preset": "ssv3"}, 'no views "ssv3" .*"ssv2"'),
        ({"vidoes": "videos"}, 'no key "vidoes" .nearest: "videos"'),
        ({"benchmark": "stage"}, "Stage-Split brings its own videos"),
        ({"encoder": 3}, '"encoder" must be like .* not 3'),
    ],
)
def test_what_a_file_cannot_say_is_refused_before_anything_is_loaded(film, monkeypatch, changes, words):
    from catsplit.models import hub

    monkeypatch.setattr(hub, "load_transformers", lambda *args: pytest.fail("the model was loaded"))
    with pytest.raises(CatsplitError, match=words) as caught:
        catsplit.settings(film(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["benchmark = ", "\x00", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path, content):
    file = tmp_path / "own.toml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(CatsplitError, match=r"own\.toml"):
        catsplit.settings(file)
