"""The split explorer: what it shows is what the plain way computes, live and in the page without a kernel."""

import html
import json
import re
import shutil
from dataclasses import replace
from itertools import cycle, product

import numpy as np
import pandas as pd
import pytest
import torch
from chapters import ROOT, tagged
from clipfiles import write_clip
from madeup import encode, world

from catsplit import controls, lowshot
from catsplit.benchmark import Benchmark
from catsplit.errors import CatsplitError
from catsplit.head import Rows
from catsplit.methods import ZERO_SHOT
from catsplit.metrics import evaluate
from catsplit.modifiers import strengthened
from catsplit.setting import Setting
from catsplit.widgets import explorer_html
from catsplit.widgets.explorer import OWN, STRENGTHS, Explorer
from catsplit.widgets.explorer_model import DRAWS, METHODS, Choice, Model
from catsplit.widgets.explorer_names import lines_of
from catsplit.widgets.explorer_static import static_explorer

EXACT = ("Pushing to the left", "Pushing to the right", "Pushing upwards")
OTHER = ("Pushing leftwards", "Pushing rightwards", "Pushing towards the top")
TYPED = ("Pushing hither", "Pushing thither", "Pushing up")
PULLED = ("Pulling to the left", "Pulling to the right")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The made-up benchmark with a video for each validation clip, of two kinds so that pictures differ."""
    folder = tmp_path_factory.mktemp("explorer")
    made = world(folder / "benchmark")
    videos = [write_clip(folder / f"{seed}.mp4", height=32, width=32, seed=seed) for seed in (1, 2)]
    for name, video in zip(made.features.paths, cycle(videos), strict=False):
        path = folder / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(video, path)
    made.benchmark = Benchmark.open(folder / "benchmark", "A", videos=folder / "videos")
    made.clips = made.training(list(made.benchmark.clips("train")["path"]))
    return made


def model_of(made):
    given = {"benchmark": made.benchmark, "features": made.features, "training": made.training, "encode": encode}
    return Model(Setting(made.head, **given))


@pytest.fixture(scope="module")
def model(made):
    return model_of(made)


@pytest.fixture
def explorer(made):
    return Explorer(model_of(made))


CHOICES = [
    Choice("Pushing", names, method, strength, shots, seed)
    for names, method, strength, shots, seed in [
        *((EXACT, method, 1.0, 0, 0) for method in METHODS),
        (OTHER, "retrieval", 0.5, 0, 1), (OTHER, "ridge", 4.0, 0, 0),
        (TYPED, "retrieval", 1.0, 0, 0),
        (EXACT, "alignment", 0.0, 0, 2), (OTHER, "alignment", 2.0, 1, 1), (EXACT, "copies", 1.0, 3, 0),
    ]
]  # fmt: skip


@pytest.mark.parametrize("choice", CHOICES, ids=lambda c: f"{c.method}-{c.strength}-{c.shots}")
def test_the_numbers_are_those_of_the_plain_way(model, made, choice):
    result, targets = model.result(choice), model.setting.targets("Pushing")
    new = made.head.split("Pushing", model.rows(choice))
    scores = evaluate(made.head, new, made.features.features, targets)
    assert result.rates[:4] == (scores.generality, scores.siblings, scores.locality, scores.changed)
    fine = targets >= len(made.head)
    assert result.rates.confidence == pytest.approx(float(scores.confidence[fine].mean()), abs=1e-6)
    names = result.split.subcategories
    labels = np.array([*made.head.labels, *names])
    shown, said = labels[targets], labels[scores.after]
    lines, columns = (np.where(np.isin(some, names), some, "any other") for some in (shown, said))
    order = [*names, "any other"]
    counted = pd.crosstab(lines, columns).reindex(index=order, columns=order, fill_value=0)
    assert result.counts.tolist() == counted.to_numpy().tolist()
    for answer in result.answers:
        i = made.features.paths.index(answer.clip)
        assert answer[1:] == (shown[i], said[i], shown[i] == said[i])


def test_strength_is_a_factor_on_what_a_method_adds(model, made):
    begun = ZERO_SHOT["retrieval"](model.setting, model.known["exact"]["Pushing"], 0)
    for strength in (0.25, 1.0, 3.0):
        rows = model.rows(Choice("Pushing", EXACT, strength=strength))
        assert_same(rows, strengthened(made.head, "Pushing", begun, strength))


@pytest.mark.parametrize("method", METHODS)
def test_without_strength_all_methods_are_copies(model, made, method):
    rows = model.rows(Choice("Pushing", EXACT, method, 0.0, seed=2))
    assert_same(rows, controls.copies(made.head, model.known["exact"]["Pushing"], seed=2))
    assert {source.kind for source in model.result(Choice("Pushing", EXACT, method, 0.0)).sources} == {"none"}


def assert_same(rows, others):
    assert list(rows) == list(others)
    torch.testing.assert_close(list(rows.values()), list(others.values()), rtol=0, atol=0)


def test_the_control_is_the_mean_of_several_copies_that_learn_from_as_many_clips(model):
    for shots in (0, 2):
        copies = [model.result(Choice("Pulling", PULLED, "copies", 1.0, shots, seed)).rates for seed in range(DRAWS)]
        assert model.result(Choice("Pulling", PULLED, "ridge", 2.0, shots)).control == pytest.approx(np.mean(copies, 0))


def test_rows_learn_from_the_clips_of_the_draw_and_from_their_start(model, made):
    """Whatever the names: those in other words learn from the same clips as the benchmark's own."""
    choice = Choice("Pushing", OTHER, "retrieval", 0.5, 2, 1)
    split = model.known["exact"]["Pushing"]
    begun = model.rows(replace(choice, shots=0))
    table = made.benchmark.ft_set("Pushing")
    features, targets = made.clips.rows_of(table["path"]), torch.tensor(table["row"].to_numpy())
    clips = lowshot.sample(made.head, split, targets, 2, seed=1)
    start = Rows(zip(split.subcategories, begun.values(), strict=True))
    (fit,) = lowshot.finetune(made.head, split, features, targets, [lowshot.Run(start, 1, clips)])
    rows = model.rows(choice)
    assert list(rows) == list(OTHER)
    for mine, theirs in ((rows, fit.rows), (rows.biases, fit.rows.biases)):
        torch.testing.assert_close(list(mine.values()), list(theirs.values()), atol=1e-5, rtol=1e-5)


def test_a_finished_choice_is_not_computed_again(model):
    assert model.result(CHOICES[-2]).counts is model.result(CHOICES[-2]).counts


@pytest.mark.parametrize(
    ("names", "truth", "order"),
    [
        (EXACT, "exact", EXACT),
        (EXACT[::-1], "exact", EXACT),
        (OTHER, "other", OTHER),
        (("Pushing up", "Pushing hither", "Pushing thither"), "line by line",
         ("Pushing up", "Pushing hither", "Pushing thither")),
        # A name that the benchmark has is what it is, wherever it stands.
        (("Pushing thither", EXACT[0], OTHER[1]), "line by line", (EXACT[0], OTHER[1], "Pushing thither")),
        # Two words for one subcategory leave another without any.
        ((EXACT[0], OTHER[0], "Pushing hither"), "", (EXACT[0], OTHER[0], "Pushing hither")),
        (EXACT[:2], "", EXACT[:2]),
        ((*EXACT, "Pushing hither"), "", (*EXACT, "Pushing hither")),
    ],
)  # fmt: skip
def test_what_names_stand_for(model, names, truth, order):
    split, found = model.split(Choice("Pushing", names))
    assert (found, split.subcategories) == (truth, order)
    assert len(set(split.modifiers)) == len(order)
    result = model.result(Choice("Pushing", names))
    assert (result.rates.generality is None) == (result.control.generality is None) == (truth == "")
    assert result.counts.shape == (4, len(order) + 1)
    assert result.counts.sum() == int((model.setting.targets("Pushing") >= 0).sum())


def test_without_truth_no_clip_of_the_category_is_called_right_or_wrong(model):
    result = model.result(Choice("Pushing", ("Pushing hither", "Pushing thither")))
    for answer in result.answers:
        if answer.shows in EXACT and answer.answer in result.split.subcategories:
            assert answer.right is None
        else:
            assert answer.right is (answer.shows == answer.answer)
    assert result.shown == (*EXACT, "all other categories")


def test_lines_are_names_and_small_letters_modifiers():
    text = "  to the   left \n\nPushing something up\n"
    assert lines_of(text, "Pushing") == ("Pushing to the left", "Pushing something up")
    assert lines_of(" \n", "Pushing") == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "two subcategories or more"), ("Pushing hither", "only one"), ("hither\nPushing Hither", "there twice"),
        ("hither\nWaving a hand", 'already has a category "Waving a hand"'),
        ("\n".join(f"way {i}" for i in range(40)), "40 subcategories"),
    ],
)  # fmt: skip
def test_wrong_lines_are_refused_with_one_sentence_and_the_last_result_stays(explorer, text, said):
    before, result = explorer.outputs, explorer.result
    explorer.names.value = text
    message = explorer.outputs["message"]
    assert said in re.sub("&quot;", '"', message)
    assert "the last split that could be made" in message
    assert explorer.result is result
    assert {**explorer.outputs, "message": ""} == before
    explorer.names.value = "hither\nthither\nup"
    assert explorer.outputs["message"] == ""
    assert explorer.result.split.subcategories == ("Pushing hither", "Pushing thither", "Pushing up")


def test_clips_of_names_without_truth_cant_be_learned_from(explorer, model):
    with pytest.raises(CatsplitError, match="give 3 names, or learn from no clips"):
        model.result(Choice("Pushing", EXACT[:2], shots=1))
    explorer.names.value = "hither\nthither"
    explorer.shots.value = 1
    assert "give 3 names" in explorer.outputs["message"]
    explorer.shots.value = 0
    assert explorer.outputs["message"] == ""


def test_every_part_follows_the_category_and_pictures_are_sent_for_it_alone(explorer):
    before = explorer.outputs
    explorer.category.value = "Pulling"
    after = explorer.outputs
    assert {name for name in before if before[name] != after[name]} == set(before) - {"message"}
    assert explorer.names.value == "\n".join(PULLED)
    for control, value in ((explorer.method, "ridge"), (explorer.strength, 4.0), (explorer.shots, 2)):
        control.value = value
        now = explorer.outputs
        assert now["sentence"] != after["sentence"]
        assert now["pictures"] == after["pictures"]
        after = now
    choice = explorer.result.choice
    assert (choice.coarse, choice.method, choice.strength, choice.shots) == ("Pulling", "ridge", 4.0, 2)
    assert explorer.outputs["sources"] != before["sources"]
    explorer.still.value = True
    assert explorer.outputs["pictures"] != after["pictures"]


def test_the_wording_and_the_typed_names_follow_one_another(explorer):
    explorer.wording.value = "other"
    assert explorer.names.value == "\n".join(OTHER)
    assert explorer.result.truth == "other"
    explorer.names.value = "hither\nthither\nup"
    assert explorer.wording.value == OWN
    assert explorer.result.truth == "line by line"
    assert "“Pushing hither” as “Pushing to the left”" in explorer.outputs["sentence"]
    explorer.category.value = "Pulling"
    assert (explorer.wording.value, explorer.result.truth) == ("exact", "exact")
    explorer.names.value = "\n".join(["Pulling leftwards", "Pulling rightwards"])
    assert explorer.wording.value == "other"


def test_what_is_shown_are_the_results_numbers(explorer):
    result = explorer.result
    shown = re.findall(r'<td class="number">(.*?)</td>', explorer.outputs["rates"])
    assert shown[:10] == [f"{100 * rate:.1f}" for rate in (*result.rates, *result.control)]
    gap = 100 * (result.rates.generality - result.control.generality)
    assert shown[10] == f"{gap:+.1f}".replace("-", "−")
    cells = re.findall(r"<td class=\"cell.*?>(\d+)</td>", explorer.outputs["confusion"])
    assert [int(cell) for cell in cells] == result.counts.ravel().tolist()
    for source in result.sources:
        assert f"“{source.entry}”, an entry of “{source.donor}”" in explorer.outputs["sources"]
        assert f"{source.score:.2f}" in explorer.outputs["sources"]
    marks = re.findall("[✓✗]", explorer.outputs["answers"])
    assert marks == ["✓" if answer.right else "✗" for answer in result.answers]


def tip_of(control):
    """By the name of ipywidgets 8, or of 7."""
    return getattr(control, "tooltip", None) or control.description_tooltip


def test_controls_can_be_named_and_worked_and_wait_for_the_end_of_typing(explorer):
    for control in (*explorer.controls, explorer.still):
        assert control.description
        assert len(tip_of(control)) > 20
    help_text = next(child.value for child in explorer.children if "<details" in str(getattr(child, "value", "")))
    assert all(tip_of(control) in html.unescape(help_text) for control in explorer.controls)
    assert explorer.names.continuous_update is False
    assert explorer.strength.continuous_update is False
    assert [value for _, value in explorer.strength.options] == list(STRENGTHS)
    pictures = re.findall('role="img" aria-label="([^"]{5,})"', explorer.outputs["pictures"])
    assert pictures == [answer.shows for answer in explorer.result.answers]
    assert len(pictures) == 8


def test_what_is_typed_is_text_and_nothing_asks_another_host(explorer):
    explorer.names.value = "Pushing <b>hither</b>\nPushing <script>there()</script>\nPushing & up"
    assert explorer.outputs["message"] == ""
    everything = "\n".join(explorer.outputs.values())
    assert "<b>" not in everything
    assert "<script" not in everything
    assert "&lt;script&gt;" in everything
    assert not re.search(r"(src|href|srcset)=|url\((?!data:)|https?:", everything)


def test_without_training_clips_there_are_no_shots(made):
    view = Explorer(Model(Setting(made.head, benchmark=made.benchmark, features=made.features, encode=encode)))
    assert view.shots.options == (0,)


def test_the_clips_are_of_each_subcategory_and_the_untouched_that_are_most_at_risk(model, made):
    places = [made.features.paths.index(clip) for clip in model.clips("Pushing")]
    targets, first = model.setting.targets("Pushing"), len(made.head)
    assert targets[places[:6]].tolist() == [first, first, first + 1, first + 1, first + 2, first + 2]
    near = made.head.probabilities(made.features)[:, made.head.index("Pushing")]
    near[(targets < 0) | (targets >= first)] = 0
    assert places[6:] == near.argsort(descending=True)[:2].tolist()


@pytest.mark.slow
def test_the_page_without_a_kernel_shows_what_the_live_one_shows(made, model):
    """Each choice, part by part: the same HTML, clips and answers included; and the same page each time."""
    strengths, shots = (0.0, 0.5, 1.0), (0, 2)
    view = static_explorer(model_of(made), strengths=strengths, shots=shots)
    assert view.html == static_explorer(model_of(made), strengths=strengths, shots=shots).html
    assert "split explorer" in view.name.lower()
    data = json.loads(re.search(r"data = (\{.*\});\n", view.script).group(1))
    asked = [
        Choice(coarse, known[coarse].subcategories, *rest)
        for coarse in model.categories for known in model.known.values() for rest in product(METHODS, strengths, shots)
    ]  # fmt: skip
    for choice, numbers in zip(asked, data["choices"], strict=True):
        live = model.result(choice)
        shown = ["\n".join(data["lines"][number] for number in part) for part in numbers]
        assert shown[:4] == list(explorer_html.parts(live).values())
        films = [film.html(answer.shows) for film, answer in zip(model.films(choice.coarse), live.answers, strict=True)]
        assert shown[5::2] == films
        assert shown[6::2] == [explorer_html.answered(answer) for answer in live.answers]
    assert data["strengths"] == ["0", "0.5", "1"]


def test_the_page_without_a_kernel_says_what_a_method_cannot_do(made, monkeypatch):
    def lacking(setting, split, seed):
        raise CatsplitError("The largest group is <too> small.")

    monkeypatch.setitem(ZERO_SHOT, "retrieval, coherent", lacking)
    view = static_explorer(model_of(made), strengths=(0.0, 1.0), shots=(0,), wordings=("other",))
    data = json.loads(re.search(r"data = (\{.*\});\n", view.script).group(1))
    count, at = len(METHODS) * 2, METHODS.index("retrieval, coherent") * 2
    assert len(data["choices"]) == 2 * count
    for number, parts in enumerate(data["choices"]):
        text = data["lines"][parts[0][0]]
        lacks = number % count in (at, at + 1)
        assert ("The largest group is &lt;too&gt; small." in text) is (len(parts) == 1) is lacks
    assert "<option selected>other</option>" in view.html
    assert "<option>exact</option>" not in view.html


def test_the_curve_goes_through_the_rates_and_marks_the_chosen_strength(model):
    results = [model.result(Choice("Pushing", EXACT, strength=strength)) for strength in (0.5, 1.0, 2.0)]
    drawn = explorer_html.curve(results, 1)
    for name in ("generality", "locality"):
        points = [f"{i + 0.5} {100 - 100 * getattr(one.rates, name):.1f}" for i, one in enumerate(results)]
        assert f'<g class="{name}"><path d="M{"L".join(points)}"/>' in drawn
        assert f'<path class="here" d="M{points[1]}h0"/>' in drawn


@pytest.mark.slow
def test_the_cell_that_pages_skip_runs():
    """Nothing else executes it: the page, and the chapter's own test, pass it over."""
    (cell,) = tagged(json.loads((ROOT / "book" / "10-explorer.ipynb").read_text())["cells"], "skip-execution")
    *before, last = "".join(cell["source"]).strip().splitlines()
    names = {}
    exec("\n".join(before), names)
    view = eval(last, names)
    assert isinstance(view, Explorer)
    view.category.value = "Dropping something"
    assert view.result.rates.generality > view.result.control.generality
