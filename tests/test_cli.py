"""The command line: what people type, what they get, and the one sentence when it can't be done."""

import re

import pandas as pd
import pytest
import torch
from madeup import encode, world

from catsplit import cli, settingfile, text
from catsplit.errors import CatsplitError
from catsplit.head import Head
from catsplit.methods import ALL_THE_DATA, VISION_LANGUAGE
from catsplit.modifiers import groups_in
from catsplit.results import read
from catsplit.setting import Setting
from catsplit.tables import text as tabletext
from catsplit.taxonomy import Taxonomy


@pytest.fixture(autouse=True)
def made_up_words(cache, monkeypatch):
    monkeypatch.setattr(text, "encoder", lambda name: text.TextEncoder(name, name, lambda: lambda t: encode([t])[0]))


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A made-up benchmark in Stage-Split's place; {part: world}."""
    parts = {part: world(tmp_path / f"bench-{part}", part=part) for part in "AB"}

    def of_stage(part, values):
        here = parts[part]
        return Setting(
            here.head, benchmark=here.benchmark, features=here.features, training=here.training,
            encode=text.encoder("made-up"), name="Made-up",
        )  # fmt: skip

    monkeypatch.setattr(settingfile, "_of_stage", of_stage)
    return parts


def run(capsys, *arguments):
    """Exit status, standard output and standard error of `catsplit ARGUMENTS`."""
    status = cli.main(list(map(str, arguments)))
    return status, *capsys.readouterr()


# split


@pytest.fixture
def files(tmp_path):
    """A head that knows "Pushing" and "Pulling" apart from their ways, and its taxonomy."""
    here = world(tmp_path / "bench")
    here.head.save(tmp_path / "head.safetensors")
    here.benchmark.taxonomy.save(tmp_path / "groups.json")
    return here


NEW = ("Pushing to the left", "Pushing to the right", "Pushing upwards")


def test_a_split_writes_a_head_that_knows_its_new_rows(files, tmp_path, capsys):
    out = tmp_path / "new.safetensors"
    given = ("split", tmp_path / "head.safetensors", "Pushing", *NEW)
    given += ("--groups", tmp_path / "groups.json", "--out", out)
    status, said, _ = run(capsys, *given, "--method", "retrieval")
    new, old = Head.load(out), files.head
    assert status == 0
    assert new.labels == (*[label for label in old.labels if label != "Pushing"], *NEW)
    for label, modifier in zip(NEW, ("to the left", "to the right", "upwards"), strict=True):
        origin = new.origin(label)
        assert (origin["split_from"], origin["method"], origin["modifier"]) == ("Pushing", "retrieval", modifier)
        source = origin["source"]
        members = files.benchmark.taxonomy.groups[files.benchmark.taxonomy.group_of[source]]
        assert torch.allclose(new[label], old["Pushing"] + old[source] - old.mean(members), atol=1e-6)
        assert f'"{label}": retrieval, modifier "{modifier}", from "{source}"' in said
    assert str(out) in said


def test_modifiers_that_are_given_win(files, tmp_path, capsys):
    out = tmp_path / "new.safetensors"
    words = ("leftwards", "rightwards", "towards the top")
    given = ("split", tmp_path / "head.safetensors", "Pushing", *NEW)
    given += ("--groups", tmp_path / "groups.json", "--out", out)
    assert run(capsys, *given, "--modifiers", *words)[0] == 0
    assert [Head.load(out).origin(label)["modifier"] for label in NEW] == list(words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"coarse": "Puhsing"}, '"Puhsing" is none of the .* labels of this head .nearest: "Pushing"'),
        ({"more": ("--modifiers", "one")}, "3 subcategories need as many modifier texts, not 1"),
        ({"more": ("--method", "alignement")}, 'no method "alignement".*alignment'),
        ({"more": ("--groups", "nowhere.json")}, "nowhere.json"),
        ({"head": "nowhere.safetensors"}, "no head at nowhere.safetensors"),
    ],
)
def test_what_cannot_be_split_is_said_in_one_sentence_and_writes_nothing(files, tmp_path, capsys, change, words):
    head, out = change.get("head", tmp_path / "head.safetensors"), tmp_path / "new.safetensors"
    given = ["split", head, change.get("coarse", "Pushing"), *NEW]
    status, _, error = run(capsys, *given, "--groups", tmp_path / "groups.json", "--out", out, *change.get("more", ()))
    assert status == 1
    assert re.search(words, error), error
    assert error.startswith("catsplit: ")
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_head_without_groups_is_told_what_they_are(files, tmp_path, capsys):
    status, _, error = run(capsys, "split", tmp_path / "head.safetensors", "Pushing", *NEW)
    assert status == 1
    assert "--groups" in error


def test_proposed_groups_are_what_a_split_takes(tmp_path, capsys, generator):
    head, groups, out = (tmp_path / name for name in ("head.safetensors", "groups.json", "new.safetensors"))
    ways = ("from left to right", "from right to left")
    known = [f"Pushing something {way}" for way in ways]
    Head(torch.randn(4, 8, generator=generator), None, [*known, "Pulling something", "Waving a hand"]).save(head)
    status, said, _ = run(capsys, "groups", head, "--out", groups)
    assert status == 0
    assert f'  "{known[0]}": modifier "{ways[0]}"' in said
    assert "2 labels stand alone" in said
    assert dict(Taxonomy.load(groups).groups) == {"Pushing something": tuple(known)}
    assert run(capsys, "groups", head, "--out", groups)[::2] == (
        1, f"catsplit: {groups} is there already, perhaps edited by hand: name another file, --out FILE.\n"
    )  # fmt: skip
    new = [f"Pulling something {way}" for way in ways]
    given = ("split", head, "Pulling something", *new, "--groups", groups, "--out", out, "--method", "retrieval")
    assert run(capsys, *given)[0] == 0
    assert [Head.load(out).origin(label)["source"] for label in new] == known


def test_labels_that_share_no_words_are_grouped_by_hand(tmp_path, capsys):
    Head(torch.eye(2), None, ["one", "two"]).save(tmp_path / "head.safetensors")
    status, _, error = run(capsys, "groups", tmp_path / "head.safetensors", "--out", tmp_path / "groups.json")
    assert (status, (tmp_path / "groups.json").exists()) == (1, False)
    assert "No two of the 2 labels" in error


def test_groups_are_those_that_the_head_knows_and_other_fine_labels_stand_alone(files):
    taxonomy = files.benchmark.taxonomy
    groups = groups_in(files.head, taxonomy.groups)
    # The concepts of part A are labels of the head, too: coarse ones, which are no groups of one.
    assert groups == {name: list(labels) for name, labels in taxonomy.untouched_groups("A").items()}
    half = Taxonomy({"Rolling": (*taxonomy.groups["Rolling"], "Rolling away")}, {})
    with pytest.raises(CatsplitError, match='"Rolling away" of the group "Rolling" is no label'):
        groups_in(files.head, half.groups)


# sweep and tables


def test_a_sweep_of_both_parts_becomes_tables(stage, tmp_path, capsys):
    out = tmp_path / "results.csv"
    options = ("--seeds", 0, 1, "--shots", 1, 2, "--initial", "coarse", "--methods", "copies", "new rows")
    status, said, _ = run(capsys, "sweep", "stage", "--out", out, *options)
    assert status == 0
    assert f"catsplit tables {out}" in said
    table = read(out)
    assert set(table["part"]) == {"A", "B"}
    assert set(table["wording"]) == {"exact", "other"}
    assert set(table.loc[table["method"] == "new rows", "shots"]) == {1, 2}
    status, printed, _ = run(capsys, "tables", out)
    assert status == 0
    assert printed == tabletext.markdown(table)
    status, written, _ = run(capsys, "tables", out, "--out", tmp_path / "tables", "--tables", "zero-shot")
    assert [line.rsplit("/")[-1] for line in written.split()] == [
        "zero-shot.csv", "zero-shot.png", "published.csv", "tables.md"
    ]  # fmt: skip
    assert len(pd.read_csv(tmp_path / "tables" / "zero-shot.csv")) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sweep", "stage", "--methods", "retreival"), 'no method "retreival".*retrieval'),
        (("sweep", "stage", "--methods", VISION_LANGUAGE), 'Made-up has no vision–language model'),
        (("sweep", "stage", "--methods", ALL_THE_DATA), "no backbone to see clips with"),
        (("tables", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_a_sweep_or_table_that_cannot_be_made_says_why(stage, tmp_path, capsys, arguments, words):
    more = ("--out", tmp_path / "results.csv") if arguments[0] == "sweep" else ()
    status, _, error = run(capsys, *arguments, *more)
    assert status == 1
    assert re.search(words, error), error
    assert not (tmp_path / "results.csv").exists()


def test_an_unknown_command_or_option_is_refused(capsys):
    for arguments in (["spilt"], ["sweep", "stage", "--shots", "many", "--out", "x"]):
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert stop.value.code == 2
        assert "usage: catsplit" in capsys.readouterr().err
