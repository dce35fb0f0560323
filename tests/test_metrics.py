"""Generality, locality and the rest: the plain way, the fast way, and the protocol's text."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from catsplit.errors import CatsplitError
from catsplit.evaluator import Evaluator
from catsplit.head import Head, Rows
from catsplit.metrics import calibration_error, evaluate, interval, probabilities, targets_of


def by_the_text(features, weight, bias, gone):
    """Probabilities (N, C) by the protocol: softmax of each view, p(c) to zero, renormalise, mean; in float64."""
    p = (features.double() @ weight.double().T + bias.double()).softmax(-1)
    p[..., gone] = 0
    return (p / p.sum(-1, keepdim=True)).mean(1)


def by_protocol(head, new, coarse, features, targets):
    """Generality, locality, accuracy among siblings, share changed; c keeps its row, new rows follow the last.

    Also says of each clip whether its predictions hang on less than float32 can tell, as where one view is sure of
    one category and the other of another.
    """
    c, count = head.index(coarse), len(head)
    weight, bias = (torch.cat([old, wide[count - 1 :]]) for old, wide in zip(matrix(head), matrix(new), strict=True))
    before, after = by_the_text(features, *matrix(head), c), by_the_text(features, weight, bias, c)
    siblings = after[:, count:]
    general, untouched = targets >= count, (targets >= 0) & (targets < count)

    def right(p, first=0):
        return p.argmax(1) + first == targets

    figures = (
        int(right(after)[general].sum()) / int(general.sum()),
        int(right(after)[untouched].sum()) / int(right(before)[untouched].sum()),
        int(right(siblings, count)[general].sum()) / int(general.sum()),
        int((before.argmax(1) != after.argmax(1))[untouched].sum()) / int(untouched.sum()),
    )
    return figures, nearly_equal(before) | nearly_equal(after) | nearly_equal(siblings)


def matrix(head):
    return head.weight, head.bias


def nearly_equal(p):
    first, second = p.topk(2).values.T
    return second > first * (1 - 1e-4)


def figures(scores):
    return scores.generality, scores.locality, scores.siblings, scores.changed


def problem(seed, clips=40, views=3, categories=7, dim=5, k=3, scale=1.0):
    """A head, an edit of category 2, features and targets of which some are predicted right."""
    torch.manual_seed(seed)
    head = Head(torch.randn(categories, dim) * scale, torch.randn(categories), [f"y{i}" for i in range(categories)])
    new = head.split("y2", {f"s{j}": head["y2"] + torch.randn(dim) * scale for j in range(k)})
    features = torch.randn(clips, views, dim)
    rows = [i for i in range(categories + k) if i != 2]
    targets = torch.tensor(rows)[torch.arange(clips) % len(rows)]
    targets[1] = -1
    # Pull clips towards the rows of their targets, so that accuracy isn't by chance only.
    wide = torch.cat([head.weight, new.weight[categories - 1 :]])
    features += 0.5 * (wide[targets] / scale)[:, None]
    return head, new, features, targets


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(24, 40),
    st.integers(1, 4),
    st.integers(4, 8),
    st.integers(2, 4),
    st.integers(1, 50),
    st.sampled_from([0.1, 1.0, 10.0]),
)
def test_both_ways_agree_with_the_protocol(seed, clips, views, categories, k, chunk, scale):
    head, new, features, targets = problem(seed, clips, views, categories, 5, k, scale)
    try:
        _, doubtful = by_protocol(head, new, "y2", features, targets)
        targets[doubtful] = -1
        expected = pytest.approx(by_protocol(head, new, "y2", features, targets)[0], abs=1e-12)
    except ZeroDivisionError:
        reject()
    plain = evaluate(head, new, features, targets)
    fast = Evaluator(head, features, chunk=chunk).score([new], targets)[0]
    assert figures(plain) == expected
    assert figures(fast) == expected
    assert torch.equal(plain.before[~doubtful], fast.before[~doubtful])
    assert torch.equal(plain.after[~doubtful], fast.after[~doubtful])
    assert torch.allclose(plain.confidence, fast.confidence, atol=1e-5)
    assert plain.mean == pytest.approx((plain.generality + plain.locality) / 2)
    assert plain.stability == 1 - plain.changed
    general = int((targets >= categories).sum())
    assert (plain.equivalent, plain.unrelated) == (general, int((targets >= 0).sum()) - general)


def test_the_fast_way_scores_many_edits_of_many_splits_from_one_start():
    head, _, features, targets = problem(3)
    evaluator = Evaluator(head, features, chunk=7)
    jobs, singly = [], []
    for coarse in head.labels:
        c = head.index(coarse)
        labels = targets.clone()
        labels[labels == c] = len(head)
        labels[0], labels[2] = len(head) + 1, (c + 1) % len(head)
        edits = [head.split(coarse, {"s0": torch.randn(5), "s1": torch.randn(5), "s2": torch.randn(5)}) for _ in "abc"]
        for edit, fast in zip(edits, evaluator.score(edits, labels), strict=True):
            expected, doubtful = by_protocol(head, edit, coarse, features, labels)
            assert not doubtful.any()
            assert figures(fast) == pytest.approx(expected, abs=1e-12)
        jobs.append((edits, labels))
        singly.append(evaluator.score(edits, labels))
    assert evaluator.score_splits(jobs) == singly
    assert evaluator.score_splits([]) == []
    assert evaluator.score([], targets) == []
    with pytest.raises(CatsplitError, match="no edit"):
        evaluator.score_splits([([], targets)])


@pytest.mark.parametrize(("coarse", "new"), [(300, 0), (0, 300), (300, 300), (-300, -300), (90, -90), (1e4, 1e4)])
def test_huge_logits_neither_overflow_nor_cancel(coarse, new):
    # In float32 exp(89) overflows and 1 - p(c) is 0 from 17 up: both must be met without losing the others' order.
    head, _, features, targets = problem(5, clips=60)
    bias = head.bias
    bias[2] = coarse
    head = Head(head.weight, bias, head.labels)
    biases = {f"s{j}": torch.tensor(float(new + j)) for j in range(3)}
    edit = head.split("y2", Rows({f"s{j}": head[f"y{j}"] for j in range(3)}, biases=biases))
    fast = Evaluator(head, features, chunk=16).score([edit], targets)[0]
    # The protocol's text would divide zero by zero here, so the categories are left out of its heads instead.
    others = [i for i in range(7) if i != 2]
    for weight, offset, predicted, numbers in (
        (head.weight[others], head.bias[others], fast.before, others),
        (*matrix(edit), fast.after, [*others, 7, 8, 9]),
    ):
        p = by_the_text(features, weight, offset, [])
        for clip, number in enumerate(predicted.tolist()):
            assert float(p[clip, numbers.index(number)]) == pytest.approx(float(p[clip].max()), rel=1e-5)
    assert fast.confidence.isfinite().all()


def test_leaving_c_out_of_the_softmax_is_zeroing_and_renormalising():
    head, _, features, _ = problem(1)
    ours = head.probabilities(features, ["y2"], chunk=9)
    assert torch.equal(ours, probabilities(head, features, ["y2"]))
    assert torch.allclose(ours.double(), by_the_text(features, *matrix(head), 2), atol=1e-6)
    assert (ours[:, 2] == 0).all()


def test_several_splits_one_after_another_are_one_edit():
    head, once, features, targets = problem(4, categories=7)
    twice = once.split("y4", {"t0": torch.randn(5), "t1": torch.randn(5)})
    targets[targets == 4] = 10
    targets[3] = 11
    plain, fast = evaluate(head, twice, features, targets), Evaluator(head, features).score([twice], targets)[0]
    assert plain == fast
    assert torch.equal(plain.after, fast.after)
    both = features.double() @ head.weight.double().T + head.bias.double()
    both[..., [2, 4]] = -torch.inf
    assert torch.equal(plain.before, both.softmax(-1).mean(1).argmax(1))


def test_an_edit_of_the_whole_head_or_backbone_takes_the_plain_way_only():
    head, new, features, targets = problem(6)
    tuned = Head(new.weight + 0.1, new.bias, new.labels)
    with pytest.raises(CatsplitError, match="evaluate"):
        Evaluator(head, features).score([tuned], targets)
    other = features + 0.3
    scores = evaluate(head, tuned, features, targets, new_features=other)
    after = (other @ tuned.weight.T + tuned.bias).softmax(-1).mean(1).argmax(1)
    assert torch.equal(scores.after, torch.tensor([0, 1, 3, 4, 5, 6, 7, 8, 9])[after])
    assert torch.equal(scores.before, evaluate(head, new, features, targets).before)


def test_a_read_only_memory_map_is_read_as_it_lies(tmp_path):
    head, new, features, targets = problem(2)
    np.save(tmp_path / "features.npy", features.numpy())
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fast = Evaluator(head, mapped).score([new], targets)[0]
        assert evaluate(head, new, mapped, targets) == fast
    assert fast == evaluate(head, new, features, targets)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t, f: (torch.where(t >= 7, -1, t), f), ['subcategories of "y2"', "generality"]),
        (lambda t, f: (torch.where(t < 7, -1, t), f), ["untouched", '"y2"', "locality"]),
        (lambda t, f: (torch.where(t < 7, 0, t), torch.zeros_like(f)), ['"y2"', "locality"]),
        (lambda t, f: (t[:-1], f), ["(39,)"]),
        (lambda t, f: (torch.where(t == 3, 2, t), f), ["target 2"]),
        (lambda t, f: (t + 10, f), ["target"]),
        (lambda t, f: (t, f[:, 0]), ["(N, V, 5)", "(40, 5)"]),
        (lambda t, f: (t, f[..., :4]), ["(40, 3, 4)"]),
        (lambda t, f: (t[:0], f[:0]), ["(0, 3, 5)"]),
        (lambda t, f: (t, torch.where(torch.arange(40)[:, None, None] == 17, torch.nan, f)), ["17", "NaN"]),
    ],
)
def test_empty_sets_and_bad_input_are_clear_errors(change, words):
    head, new, features, targets = problem(0)
    bias = head.bias
    bias[0] -= 50
    head = Head(head.weight, bias, head.labels)
    new = head.split("y2", dict(zip(new.labels[-3:], new.weight[-3:], strict=True)))
    targets, features = change(targets, features)
    for score in (
        lambda: evaluate(head, new, features, targets),
        lambda: Evaluator(head, features).score([new], targets),
    ):
        with pytest.raises(CatsplitError) as error:
            score()
        assert all(word in str(error.value) for word in words), str(error.value)


def test_heads_that_are_no_edit_of_one_another_are_clear_errors():
    head, new, features, targets = problem(0)
    with pytest.raises(CatsplitError, match="lack a category"):
        evaluate(head, head, features, targets)
    other = head.split("y2", {"t0": torch.zeros(5), "t1": torch.zeros(5)})
    with pytest.raises(CatsplitError, match="same labels"):
        Evaluator(head, features).score([new, other], targets)


def test_targets_come_from_the_two_sets_of_a_split():
    paths = ["1.mp4", "2.mp4", "3.mp4", "4.mp4"]
    equivalent = pd.DataFrame({"path": ["4.mp4", "1.mp4"], "row": [7, 8]})
    unrelated = pd.DataFrame({"path": ["3.mp4", "9.mp4"], "row": [0, 1]})
    assert targets_of(paths, equivalent, unrelated, skipped=["9.mp4"]).tolist() == [8, -1, 0, 7]
    with pytest.raises(CatsplitError, match=r"9\.mp4 has no features"):
        targets_of(paths, equivalent, unrelated)
    with pytest.raises(CatsplitError, match=r"hold the clip 3\.mp4 twice"):
        targets_of([*paths, "3.mp4"], equivalent, unrelated, skipped=["9.mp4"])
    with pytest.raises(CatsplitError, match=r"3\.mp4 has two targets"):
        targets_of(paths, pd.DataFrame({"path": ["3.mp4"], "row": [7]}), unrelated, skipped=["9.mp4"])


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    hits = [
        (lambda i: i.low <= 0.5 <= i.high)(interval(generator.uniform(0, 1, 27), resamples=500)) for _ in range(300)
    ]
    assert 0.88 < np.mean(hits) < 0.98


def test_the_interval_is_over_splits_not_over_seeds():
    splits = np.array([0.1, 0.5, 0.9, 0.3])
    once = interval(splits)
    assert interval(np.stack([splits] * 3)) == pytest.approx(once)
    assert once.mean == pytest.approx(splits.mean())
    assert once.low < once.mean < once.high
    assert interval([0.7]) == pytest.approx((0.7, 0.7, 0.7))
    assert interval(splits) == once
    for bad in ([], [0.1, float("nan")]):
        with pytest.raises(CatsplitError, match="interval"):
            interval(bad)


def test_calibration_error_is_that_of_the_bins():
    head, new, features, targets = problem(9, clips=120)
    scores = evaluate(head, new, features, targets)
    expected, used = 0.0, [i for i in range(120) if targets[i] >= 0]
    for edge in range(5):
        members = [i for i in used if edge / 5 <= float(scores.confidence[i]) < (edge + 1) / 5]
        if members:
            accuracy = sum(bool(scores.after[i] == targets[i]) for i in members) / len(members)
            confidence = sum(float(scores.confidence[i]) for i in members) / len(members)
            expected += len(members) / len(used) * abs(accuracy - confidence)
    assert calibration_error(scores, bins=5) == pytest.approx(expected)
