"""Write book/images/overview.svg: a coarse category splits, in ten seconds.

    python scripts/overview.py

Everything in it is real: two clips of Stage-Split, cells whose shade is a weight of the shipped head, the donor that
retrieval finds, and rows and modifiers as the library computes them; what it says of them is checked before it is
written. The picture moves by CSS alone, so that it moves in an <img>, and stands still, at its end, for those who
asked for less motion.
"""

import sys
from html import escape
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from catsplit import stage  # noqa: E402
from catsplit.errors import CatsplitError  # noqa: E402
from catsplit.metrics import evaluate, targets_of  # noqa: E402
from catsplit.modifiers import Dictionary  # noqa: E402
from catsplit.paths import atomic_path  # noqa: E402
from catsplit.plots.style import COLOURS  # noqa: E402
from catsplit.retrieval import retrieve  # noqa: E402
from catsplit.text import encoder  # noqa: E402
from catsplit.video import read_frames  # noqa: E402
from scripts.moving import FRAMES, GREY, INK, ROW, SIZE, STRIP, Motion, box, clip, lock, sheet, strip, text, tick  # noqa: E402

OUT = ROOT / "book" / "images" / "overview.svg"
PART, COARSE, OTHERS = "A", "Rolling something", ("Waving a hand", "Flashing a light")
# One clip of each direction in which the thing that rolls is in sight from the first frame shown to the last.
CLIPS = (("val-019-013.mp4", 2), ("val-020-010.mp4", 4))
CELLS = 12
WIDTH, HEIGHT = 960, 600
PALE, LINE, HUES = "#f0f3f6", "#b9c3cb", (COLOURS[0], COLOURS[1])
ARROWS = {"from left to right": "→", "from right to left": "←"}
# Where things stand: clips, backbone and the matrix, of which each row has its strip of cells and its name.
CLIP_X, CLIP_Y, CLIP, BACK_X, BACK_Y = 28, (126, 364), 160, 318, 330
STRIP_X, NAME_X, LOCK_X = 466, 632, 914
NEW_Y, OLD_Y, DONOR_Y, OTHER_Y, CHIP_X = (166, 216), 191, (322, 372), (446, 496), 284


def facts() -> dict:
    """The classifier's rows before and after the split, the donors, and that all the picture says is so."""
    benchmark, head = stage.load(PART), stage.head(PART)
    split, taxonomy = benchmark.split(COARSE), benchmark.taxonomy
    groups = taxonomy.untouched_groups(PART)
    rows = retrieve(head, split, Dictionary.from_head(head, groups, taxonomy.modifiers), encoder())
    donors = [rows.origins[name]["source"] for name in split.subcategories]
    group = next(name for name, members in groups.items() if set(donors) <= set(members))
    new = head.split(COARSE, rows)
    modifiers = torch.stack([head[donor] - head.mean(groups[group]) for donor in donors])
    same, others = benchmark.equivalent_set(COARSE), benchmark.unrelated_set(COARSE).groupby("row").head(2)
    paths = [*same["path"], *others["path"]]
    z = torch.tensor(stage.features(PART, paths, progress=False).features)
    scores = evaluate(head, new, z, targets_of(paths, same, others))
    z = z[[paths.index(path) for path, _ in CLIPS]]
    before, after = ([h.labels[row] for row in h.logits(z).softmax(-1).mean(1).argmax(1)] for h in (head, new))
    kept = [label for label in head.labels if label != COARSE]
    checks = {
        f"both clips are {COARSE} to begin with": before == [COARSE] * 2,
        "each clip gets its own new name": after == list(split.subcategories),
        "a new row is the coarse row and the donor's modifier": all(
            torch.allclose(new[name], head[COARSE] + v) for name, v in zip(split.subcategories, modifiers, strict=True)
        ),
        "the new names are right": scores.generality > 0.95,
        "the others are as before": scores.locality > 0.95 and scores.changed < 0.05,
        "other rows stay as they are": all(torch.equal(new[label], head[label]) for label in kept),
    }
    if wrong := [what for what, holds in checks.items() if not holds]:
        raise CatsplitError(f"The picture would say something that isn't so: {wrong[0]}.")
    # The cells that say most about the modifiers, in the order in which they stand in the rows.
    cells = modifiers.abs().amax(0).topk(CELLS).indices.sort().values
    return {
        "names": split.subcategories,
        "texts": split.modifiers,
        "donors": donors,
        "group": group,
        "more": len(head) - 1 - len(donors) - len(OTHERS),
        "modifiers": modifiers[:, cells].numpy(),
        "coarse": head[COARSE][cells].numpy(),
        "new": np.stack([new[name][cells] for name in split.subcategories]),
        "donor_rows": np.stack([head[name][cells] for name in donors]),
        "other_rows": np.stack([head[name][cells] for name in OTHERS]),
        "frames": [read_frames(benchmark.path(name), SIZE)[at : at + FRAMES] for name, at in CLIPS],
    }


def pipeline(move: Motion, sheets: list[tuple[str, str]]) -> str:
    """Clips and the backbone."""
    parts, middles = [], [y + CLIP / 2 for y in CLIP_Y]
    pipe, line = f'stroke="{LINE}" stroke-width="4"', []
    for y, side in zip(middles, (-1, 1), strict=True):
        line.append(f'<path d="M{CLIP_X + CLIP + 10} {y}L{BACK_X - 6} {BACK_Y + side * 34}" {pipe}/>')
    line.append(f'<path d="M{BACK_X + 98} {BACK_Y}H446" {pipe}/>')
    line.append(f'<path d="M{BACK_X} {BACK_Y - 82}l94 40v84l-94 40z" fill="{PALE}" {pipe}/>')
    arms = '<path d="M0 -26V26M-8 -20l8 7l8 -7M-8 20l8 -7l8 7"{}/>'
    flake = "".join(arms.format(f' transform="rotate({turn})"') for turn in (0, 60, 120))
    line.append(
        f'<g transform="translate({BACK_X + 46},{BACK_Y})" fill="none" stroke="{HUES[0]}" stroke-width="3.5" '
        f'stroke-linecap="round">{flake}</g>'
    )
    for i, word in enumerate(("frozen", "backbone")):
        line.append(text(BACK_X + 47, BACK_Y + 112 + 29 * i, word, "small", text_anchor="middle"))
    parts.append(move("".join(line), opacity=[(2.4, 1), (2.7, 0.1), (6.0, 0.1), (6.3, 1)]))
    for y, (film, _) in zip(CLIP_Y, sheets, strict=True):
        parts.append(clip(CLIP_X, y, CLIP, film))
    return "".join(parts)


def flow(move: Motion, sheets: list[tuple[str, str]], texts: tuple[str, ...]) -> str:
    """What runs through the backbone, before the split and after, and what the clips are called then."""
    parts, middles = [], [y + CLIP / 2 for y in CLIP_Y]
    for begin, goals in ((0.3, (OLD_Y, OLD_Y)), (6.2, NEW_Y)):
        for i, ((_, frame), y, goal) in enumerate(zip(sheets, middles, goals, strict=True)):
            t = begin + 0.12 * i
            picture = f'<image x="{CLIP_X + 50}" y="{y - 30}" width="60" height="60" href="{frame}"/>'
            picture += box(CLIP_X + 50, y - 30, 60, 60, stroke="white", stroke_width=3)
            into = f"translate({BACK_X - CLIP_X - 62}px,{BACK_Y - y}px) scale(.45)"
            path = [(t, "translate(0,0) scale(1)"), (t + 0.7, into)]
            parts.append(move(picture, transform=path, opacity=[(t, 0), (t + 0.1, 1), (t + 0.6, 1), (t + 0.7, 0)]))
            dot = f'<circle cx="{BACK_X + 98}" cy="{BACK_Y}" r="11" fill="{HUES[i]}" stroke="white" stroke-width="3"/>'
            onto = f"translate({STRIP_X - BACK_X - 98}px,{goal + ROW / 2 - BACK_Y}px)"
            path = [(t + 0.75, "translate(0,0)"), (t + 1.2, onto)]
            parts.append(move(dot, transform=path, opacity=[(t + 0.7, 0), (t + 0.8, 1), (t + 1.2, 1), (t + 1.35, 0)]))
    for y, words, hue in zip(CLIP_Y, texts, HUES, strict=True):
        parts.append(move.shown(text(CLIP_X, y + CLIP + 28, COARSE, "small"), 1.8, rise=8))
        arrow = text(CLIP_X, y + CLIP + 58, f"{ARROWS[words]} {words}", "small", style=f"fill:{hue}")
        parts.append(move.shown(arrow, 7.5, rise=8))
        parts.append(move.shown(tick(CLIP_X + CLIP - 25, y + 25), 7.6))
    return "".join(parts)


def matrix(move: Motion, fact: dict) -> str:
    """The head's rows: the one that splits, the donors, and others; and the modifiers, which travel."""
    limit = 0.75 * max(float(np.abs(fact[name]).max()) for name in ("coarse", "new", "donor_rows", "other_rows"))
    parts = [box(448, 118, 498, 470, PALE, rx=14)]
    # The row that splits. Its name rises and becomes that of a group, like the donors'.
    away = f"translate({NAME_X - STRIP_X}px,{OLD_Y + 30 - 152}px)"
    over = f"translate({NAME_X - STRIP_X}px,0)"
    name = move(text(STRIP_X, 152, COARSE, "small"), transform=[(4.6, away), (4.85, over), (5.2, "translate(0,0)")])
    mine = [name]
    for y, values, words, hue in zip(NEW_Y, fact["new"], fact["texts"], HUES, strict=True):
        row = strip(STRIP_X, y, fact["coarse"], limit, GREY)
        row += move(strip(STRIP_X, y, values, limit, hue), opacity=[(5.9, 0), (6.15, 1)])
        mine.append(move(row, transform=[(4.9, f"translate(0,{OLD_Y - y}px)"), (5.4, "translate(0,0)")]))
        mine.append(move.shown(text(NAME_X, y + 29, words, style=f"fill:{hue}"), 5.95, rise=8))
        frame = box(STRIP_X - 5, y - 5, STRIP + 9, ROW + 10, stroke=hue, stroke_width=4, rx=6)
        mine.append(move.shown(frame, 7.4, 8.1))
    frame = box(STRIP_X - 5, OLD_Y - 5, STRIP + 9, ROW + 10, stroke=INK, stroke_width=4, rx=6)
    mine.append(move.shown(frame, 1.6, 2.3))
    parts.append(move("".join(mine), opacity=[(2.4, 1), (2.7, 0.25), (4.4, 0.25), (4.7, 1)]))
    donors = [text(STRIP_X, 308, fact["group"], "small")]
    for y, values, words, hue in zip(DONOR_Y, fact["donor_rows"], fact["texts"], HUES, strict=True):
        donors.append(strip(STRIP_X, y, values, limit, hue) + text(NAME_X, y + 29, words, style=f"fill:{hue}"))
    parts.append(move("".join(donors), opacity=[(4.4, 1), (4.7, 0.25), (6.0, 0.25), (6.3, 1)]))
    rest = []
    for y, values, label in zip(OTHER_Y, fact["other_rows"], OTHERS, strict=True):
        rest.append(strip(STRIP_X, y, values, limit, GREY) + text(NAME_X, y + 29, label))
    rest.append(text(STRIP_X, 570, f"… and {fact['more']} more rows", "small"))
    parts.append(move("".join(rest), opacity=[(2.4, 1), (2.7, 0.25), (6.0, 0.25), (6.3, 1)]))
    parts += [move.shown(lock(LOCK_X, y), 7.9) for y in (*(y + 5 for y in (*DONOR_Y, *OTHER_Y)), 546)]
    # A modifier: a donor less the mean of its group, lifted out, carried over, and added.
    for i, (from_y, to_y) in enumerate(zip(DONOR_Y, NEW_Y, strict=True)):
        chip = box(CHIP_X - 6, to_y - 6, STRIP + 11, ROW + 12, "white", stroke=HUES[i], stroke_width=4, rx=8)
        chip += strip(CHIP_X, to_y, fact["modifiers"][i], limit, HUES[i])
        chip += move(strip(CHIP_X, to_y, fact["donor_rows"][i], limit, HUES[i]), opacity=[(3.3, 1), (3.8, 0)])
        down, out, late = from_y - to_y, STRIP_X - CHIP_X, 0.1 * i
        path = [
            (2.9 + late, f"translate({out}px,{down}px)"),
            (3.6 + late, f"translate(0,{down}px)"),
            (4.5 + late, f"translate(0,{down}px)"),
            (5.3 + late, "translate(0,0)"),
            (5.6 + late, "translate(0,0)"),
            (6.0 + late, f"translate({out}px,0)"),
        ]
        parts.append(move(chip, transform=path, opacity=[(2.8, 0), (2.9, 1), (6.0 + late, 1), (6.2 + late, 0)]))
        plus = text(CHIP_X + STRIP + 25, to_y + 32, "+", "big", text_anchor="middle")
        parts.append(move.shown(plus, 5.3, 5.6))
    return "".join(parts)


def captions(move: Motion) -> str:
    steps = (
        (0.2, "One name for two motions", "clips, a backbone, and a matrix: one row, one name"),
        (2.4, "Other rows know the difference", "modifier = row − mean of its siblings"),
        (4.4, "Carried over, it splits the row", "new row = old row + modifier"),
    )
    parts = []
    for (start, big, small), end in zip(steps, (2.2, 4.2, 6.2), strict=True):
        parts.append(move.shown(text(28, 56, big, "big") + text(28, 96, small, "small"), start, end, rise=8))
    parts.append(move.shown(tick(48, 42) + text(80, 56, "Generality: the new names are right", "big"), 6.4, rise=8))
    parts.append(move.shown(lock(37, 78) + text(80, 106, "Locality: the others are as before", "big"), 7.9, rise=8))
    return "".join(parts)


def drawn(fact: dict) -> str:
    """The picture of what `facts` found."""
    move = Motion()
    sheets = [sheet(frames) for frames in fact["frames"]]
    body = pipeline(move, sheets) + matrix(move, fact) + flow(move, sheets, fact["texts"]) + captions(move)
    body = move(body, still=1, opacity=[(0, 0), (0.25, 1), (9.75, 1), (9.99, 0)])
    (one, other), (a, b) = fact["names"], fact["donors"]
    story = (
        f"Two moving clips, rendered, of the benchmark Stage-Split. A classifier calls both “{COARSE}”: a frozen "
        "backbone turns each into a feature, and the head, a matrix with named rows, has one row for both. Elsewhere "
        f"in the matrix are “{a}” and “{b}”. What tells each of them from their mean, its modifier, is carried over "
        f"and added to the row, which splits into “{one}” and “{other}”. Now each clip gets its own name, which is "
        "generality. All other rows stay locked as they were, which is locality. A cell's shade is one of the weights."
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-labelledby="title desc">\n<title id="title">One row of a video classifier splits into two'
        f'</title>\n<desc id="desc">{escape(story)}</desc>\n<style>{move.style()}</style>\n'
        f"{box(0, 0, WIDTH, HEIGHT, 'white')}\n{body}\n</svg>\n"
    )


if __name__ == "__main__":
    with atomic_path(OUT) as beside:
        beside.write_text(drawn(facts()), encoding="utf-8")
    print(f"{OUT.relative_to(ROOT)}: {OUT.stat().st_size / 1000:.0f} kB")
