"""Taxonomies and the modifier texts drawn from labels."""

import copy
import csv
import json
import pickle
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catsplit.errors import BenchmarkError
from catsplit.taxonomy import Taxonomy, extract_modifiers

# A busy machine is no reason to fail.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

GROUPS = {
    "Pushing something": ("Pushing something from left to right", "Pushing something so it spins"),
    "Pulling something": ("Pulling something from left to right", "Pulling something onto something"),
    "Holding something": ("Holding something",),
}
PARTS = {"A": ("Pushing something",), "B": ("Pulling something",)}


@pytest.fixture(scope="session")
def table(root):
    """The committed table of modifiers, one dict a row."""
    with open(root / "data" / "modifiers" / "extractions.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_category(table):
    categories = {}
    for row in table:
        categories.setdefault((row["benchmark"], row["coarse"]), {})[row["fine"]] = row["modifier"]
    return categories


def test_committed_table_is_what_the_rules_give(table):
    categories = by_category(table)
    counts = [sum(name == benchmark for name, _ in categories) for benchmark in ("SSv2-Split", "FineGym-Split")]
    assert counts == [54, 42]
    for (_, coarse), modifiers in categories.items():
        assert extract_modifiers(coarse, list(modifiers)) == modifiers


def test_every_modifier_of_the_table_was_read(table):
    assert {row["verdict"] for row in table} == {"right", "wrong"}
    assert all(bool(row["why"]) == (row["verdict"] == "wrong") for row in table)
    right = sum(row["verdict"] == "right" for row in table)
    assert right / len(table) >= 0.93


def test_readable_table_follows_from_the_csv(table, root, script):
    tables = script("modifier_table.py")
    folder = root / "data" / "modifiers"
    assert tables.as_markdown(table) == (folder / "extractions.md").read_text(encoding="utf-8")
    assert tables.as_csv(table) == (folder / "extractions.csv").read_text(encoding="utf-8")
    changed = [dict(row, modifier="other") if number == 0 else row for number, row in enumerate(table)]
    assert [row["verdict"] for row in tables.with_verdicts(changed, folder / "extractions.csv")][:1] == ["unread"]


# A family or more for each rule, most of them from no data set.
FAMILIES = [
    pytest.param(
        "Pushing a box",
        {"Pushing a box from left to right": "from left to right", "Pushing a box, then leaving": "then leaving"},
        id="continuation",
    ),
    pytest.param(
        "Dropping a ball in some place",
        {"Dropping a ball behind a chair": "behind a chair", "Dropping a ball next to a chair": "next to a chair"},
        id="shared beginning",
    ),
    pytest.param(
        "falling",
        {"a leaf falling like a feather": "like a feather", "a leaf falling like a rock": "like a rock"},
        id="shared beginning ends with a phrase",
    ),
    pytest.param(
        "spin", {"2.5 spin on one leg": "2.5 spin", "3 spin on one leg": "3 spin"}, id="shared end and numbers"
    ),
    pytest.param(
        "Lifting a lid",
        {
            "Lifting a lid until it slides down": "until it slides down",
            "Lifting a lid, then sliding down": "then sliding down",
        },
        id="a particle stays with its verb",
    ),
    pytest.param(
        "leap with turn",
        {
            "switch leap with 0.5 turn": "switch with 0.5 turn",
            "split leap with 1 turn or more": "split with 1 turn or more",
        },
        id="numbers keep what they count",
    ),
    pytest.param(
        "Throwing a ball toward someone",
        {"Throwing a ball against someone": "against someone", "Throwing a ball to a dog": "to a dog"},
        id="phrases stay whole",
    ),
    pytest.param(
        "Squeezing a lemon and Pretending to squeeze a lemon",
        {"Squeezing a lemon": "Squeezing a lemon", "Pretending to squeeze a lemon": "Pretending"},
        id="infinitive and unmarked member",
    ),
    pytest.param(
        "Pouring tea",
        {"Trying to pour tea into a cup": "Trying to pour tea into a cup", "Pouring tea slowly": "slowly"},
        id="an infinitive with dependents stays",
    ),
    pytest.param(
        "Closing a box and Opening a box",
        {"Closing a box": "Closing", "Opening a box": "Opening"},
        id="list of concepts",
    ),
    pytest.param(
        "ring and arch jump",
        {"ring jump (head dropped)": "ring (head dropped)", "sheep jump": "sheep", "ring leap": "ring leap"},
        id="the noun that ends a list",
    ),
    pytest.param(
        "(FX) jump or hop",
        {
            "(FX) tuck hop or jump": "tuck",
            "(FX) pike jump or side split jump": "pike or side split",
            "(FX) stag jump": "stag",
        },
        id="joined heads and tags",
    ),
    pytest.param(
        "leap",
        {"johnson (switch leap with a turn)": "johnson (switch leap with a turn)", "cat leap": "cat"},
        id="gloss",
    ),
    pytest.param("PlayingMusic", {"PlayingGuitar": "Guitar", "PlayingBassDrum": "BassDrum"}, id="camel case"),
    pytest.param("shoot", {"shoot_ball": "ball", "shoot_bow_fast": "bow fast"}, id="underscores"),
    pytest.param(
        "dancing", {"salsa dancing": "salsa", "dancing ballet": "ballet", "breakdancing": "breakdancing"}, id="verbs"
    ),
    pytest.param("cat", {"tiger cat": "tiger", "Persian cat": "Persian"}, id="nouns"),
    pytest.param("turn", {"turn -5 degrees": "-5 degrees", "turn 5 degrees": "5 degrees"}, id="a sign isn't a dash"),
    pytest.param("running", {"running": "running", "running fast": "fast"}, id="a member named like its group"),
    pytest.param("推", {"从左到右推": "从左到右推", "从右到左推": "从右到左推"}, id="no spaces to go by"),
    pytest.param("x", {"A": "A", "a": "a", "!": "!"}, id="nothing to go by"),
]


@pytest.mark.parametrize(("coarse", "expected"), FAMILIES)
def test_rules_of_extraction(coarse, expected):
    assert extract_modifiers(coarse, list(expected)) == expected


def test_given_modifier_wins_and_is_never_given_again():
    siblings = ["Pushing left", "Pushing right", "Pushing up"]
    assert extract_modifiers("Pushing", siblings, {"Pushing right": "left"}) == {
        "Pushing left": "Pushing left",
        "Pushing right": "left",
        "Pushing up": "up",
    }
    with pytest.raises(BenchmarkError, match='"Pushing" have the modifier "Pushing left": change a given one'):
        extract_modifiers("Pushing", siblings, {"Pushing right": "Pushing left"} | {"Pushing up": "left"})


@pytest.mark.parametrize("siblings", [["a", "a"], ["a", " "]])
def test_siblings_must_differ_and_say_something(siblings):
    with pytest.raises(BenchmarkError, match="must be different labels, none of them empty"):
        extract_modifiers("a", siblings)


WORDS = st.sampled_from(
    "push Pushing pull a the something ball to from with on 1 0.5 turn and , (FX) (so it) _ ' - off".split()
)
PHRASES = st.lists(WORDS, min_size=1, max_size=7).map(" ".join)
LABELS = st.one_of(PHRASES, st.text(min_size=1, max_size=12)).filter(str.strip)


def is_drawn_from(modifier, label):
    """Whether the letters of the modifier occur in the label in their order, by a plain walk."""
    letters = iter(label)
    return all(letter in letters for letter in modifier if not letter.isspace())


@PATIENT
@given(coarse=LABELS, siblings=st.lists(LABELS, min_size=1, max_size=6, unique=True))
def test_modifiers_of_any_labels(coarse, siblings):
    found = extract_modifiers(coarse, siblings)
    assert list(found) == siblings
    assert all(text.strip() for text in found.values())
    assert len(set(found.values())) == len(siblings)
    assert all(is_drawn_from(text, label) for label, text in found.items())
    assert extract_modifiers(coarse, siblings[::-1]) == found


def test_taxonomy_knows_its_label_spaces():
    taxonomy = Taxonomy(GROUPS, PARTS)
    assert taxonomy.label_space("A") == ("Pushing something", *GROUPS["Pulling something"], "Holding something")
    assert taxonomy.label_space("B") == (*GROUPS["Pushing something"], "Pulling something", "Holding something")
    assert taxonomy.split_categories("B") == ("Pulling something",)
    assert dict(taxonomy.untouched_groups("A")) == {
        name: GROUPS[name] for name in ("Pulling something", "Holding something")
    }
    assert taxonomy.group_of["Pushing something so it spins"] == "Pushing something"
    assert taxonomy.modifiers["Pulling something onto something"] == "onto something"


def test_taxonomy_is_frozen_and_copies_well():
    groups = {name: list(labels) for name, labels in GROUPS.items()}
    taxonomy = Taxonomy(groups, PARTS, {"Pushing something so it spins": "spinning"})
    groups["Pushing something"].append("late")
    assert taxonomy.groups["Pushing something"] == GROUPS["Pushing something"]
    with pytest.raises(FrozenInstanceError):
        taxonomy.groups = {}
    with pytest.raises(TypeError):
        taxonomy.groups["new"] = ("a", "b")
    with pytest.raises(TypeError):
        taxonomy.modifiers["Holding something"] = "x"
    assert pickle.loads(pickle.dumps(taxonomy)) == taxonomy == copy.deepcopy(taxonomy)


def test_one_text_for_two_categories_is_reported_and_survived():
    groups = {"salto": ("salto forward", "salto backward"), "salto forward": ("tucked", "piked")}
    taxonomy = Taxonomy(groups, {"A": ("salto forward",), "B": ("salto",)})
    assert taxonomy.label_space("A") == ("salto forward", "salto backward")
    assert not taxonomy.clashes("B")
    assert taxonomy.clashes("A") == {
        "salto forward": 'In part A "salto forward" is a coarse category and also a subcategory of "salto", '
        "so the two share one row."
    }


def test_taxonomy_survives_its_file(tmp_path):
    path = tmp_path / "taxonomy.json"
    taxonomy = Taxonomy(
        GROUPS, PARTS, {"Holding something": "quietly"}, {"A": Taxonomy(GROUPS, PARTS).label_space("A")[::-1]}
    )
    taxonomy.save(path)
    loaded = Taxonomy.load(path)
    assert loaded == taxonomy
    assert loaded.label_space("A")[0] == "Holding something"
    first = path.read_bytes()
    loaded.save(path)
    assert path.read_bytes() == first


def test_published_scheme_alone_is_a_taxonomy(tmp_path):
    path = tmp_path / "group_scheme.json"
    path.write_text(json.dumps({"group_scheme": GROUPS, **PARTS}))
    assert Taxonomy.load(path) == Taxonomy(GROUPS, PARTS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": {}}, "at least one group"),
        ({"groups": [("a", ["b"])]}, "groups must be a mapping"),
        ({"groups": GROUPS | {"Empty": ()}}, 'group "Empty" is empty'),
        (
            {"groups": GROUPS | {"Other": ("Holding something",)}},
            '"Holding something" is in the groups "Holding something" and "Other"',
        ),
        ({"groups": GROUPS | {"Other": ("x", "x")}}, '"Other" in the groups lists "x" twice'),
        ({"groups": GROUPS | {"Other": ("x", " ")}}, "lists ' ' where a label was expected"),
        ({"groups": GROUPS | {"Other": ("x", 3)}}, "lists 3 where a label was expected"),
        ({"groups": GROUPS | {"Other": "text"}}, "holds 'text' where a list"),
        ({"groups": GROUPS | {" ": ("x", "y")}}, "A key of the groups is ' '"),
        (
            {"parts": {"A": ("Pushing somthing",)}},
            'collapses "Pushing somthing", which is no group .*"Pushing something"',
        ),
        ({"parts": {"A": PARTS["A"], "B": PARTS["A"]}}, "Parts A and B both collapse"),
        ({"parts": {"A": ("Pushing something",) * 2}}, 'lists "Pushing something" twice'),
        ({"parts": {"A": ("Holding something",)}}, "has one subcategory: nothing to split"),
        ({"parts": {"modifiers": PARTS["A"]}}, 'part can\'t be named "modifiers"'),
        ({"modifiers": {"Holding somthing": "x"}}, 'given for "Holding somthing", which is no fine-grained label'),
        ({"modifiers": {"Holding something": ""}}, "give it a text or leave it out"),
        ({"modifiers": ["x"]}, "modifiers must be a mapping"),
        ({"modifiers": dict.fromkeys(GROUPS["Pushing something"], "x")}, 'have the modifier "x"'),
        ({"label_order": {"A": ("Pushing something",)}}, "is missing \\(3 such labels\\)"),
        ({"label_order": {"C": ("Pushing something",)}}, 'no part \'C\': choose from: "A", "B"'),
    ],
)
def test_what_a_taxonomy_refuses(change, message):
    with pytest.raises(BenchmarkError, match=message):
        Taxonomy(**{"groups": GROUPS, "parts": PARTS} | change)


def test_unknown_part_names_the_parts():
    taxonomy = Taxonomy(GROUPS, PARTS)
    for ask in (taxonomy.label_space, taxonomy.split_categories, taxonomy.untouched_groups, taxonomy.clashes):
        with pytest.raises(BenchmarkError, match='There is no part \'C\': choose from: "A", "B"'):
            ask("C")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "isn't valid JSON"),
        ("[]", "JSON list where an object"),
        ("{}", 'no key "group_scheme"'),
        ('{"group_scheme": {"a": ["b", "c"], "a": ["d", "e"]}}', 'the key "a" occurs twice'),
        ('{"group_scheme": {"a": []}, "A": []}', 'taxonomy.json: The group "a" is empty'),
        ('{"group_scheme": {"a": ["b", "c"]}, "note": 1}', '"note" in the parts holds 1'),
        (None, "Can't read .*taxonomy.json"),
    ],
)
def test_what_a_file_of_a_taxonomy_refuses(tmp_path, text, message):
    path = tmp_path / "taxonomy.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BenchmarkError, match=message):
        Taxonomy.load(path)
