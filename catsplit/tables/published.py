"""Published figures, to stand beside ours and never among them.

They are of SSv2-Split and FineGym-Split, part A: filmed video, and an MVD ViT-S that was trained on it. No figure of
another benchmark, Stage-Split least of all, can be held against them.
"""

import io

import pandas as pd

SOURCE = (
    "Liu & Doughty, Let's Split Up: Zero-Shot Classifier Edits for Fine-Grained Video Understanding, ICLR 2026, "
    "arXiv 2602.16545"
)
SETTING = "MVD ViT-S backbone and CLIP ViT-L/14 text encoder where nothing else is said"

# The table of ours that a figure stands beside, the method as the paper names it, percent, and the rows that a low-shot
# method begins with. Nothing stands where the paper gives no figure.
_FIGURES = """
table;benchmark;method;generality;locality;mean;initial
zero-shot;SSv2-Split A;vision–language: CLIP;27.6;100;;
zero-shot;SSv2-Split A;vision–language: FG-CLIP;30.9;100;;
zero-shot;SSv2-Split A;vision–language: VideoPrism;28.2;100;;
zero-shot;SSv2-Split A;alignment;46.3;98.9;;
zero-shot;FineGym-Split A;vision–language: CLIP;12.1;100;;
zero-shot;FineGym-Split A;vision–language: FG-CLIP;19.4;100;;
zero-shot;FineGym-Split A;vision–language: VideoPrism;21.7;100;;
zero-shot;FineGym-Split A;alignment;34.2;97.8;;
ablation;SSv2-Split A;retrieval;45.0;;;
ablation;SSv2-Split A;alignment;46.3;;;
ablation;SSv2-Split A;alignment, backbone pretrained by MVD;46.3;;;
ablation;SSv2-Split A;alignment, backbone pretrained by SIGMA;44.1;;;
ablation;SSv2-Split A;alignment, backbone pretrained by VideoMAE;42.9;;;
ablation;SSv2-Split A;alignment, backbone not pretrained;37.0;;;
ablation;SSv2-Split A;alignment, text encoder VideoPrism;46.5;;;
ablation;SSv2-Split A;alignment, text encoder CLIP;46.3;;;
ablation;SSv2-Split A;alignment, text encoder RoBERTa;40.9;;;
one-shot;SSv2-Split A;whole model;33.6;0.0;16.8;coarse
one-shot;SSv2-Split A;new rows;48.4;98.4;73.4;coarse
one-shot;SSv2-Split A;new rows;52.8;98.2;75.5;alignment
one-shot;SSv2-Split A;whole model, all the data;86.7;19.2;52.9;coarse
"""


def figures(table: str | None = None, benchmark: str | None = None) -> pd.DataFrame:
    """The published figures, one a line, with their source.

    Args:
        table: "zero-shot", "ablation" or "one-shot"; all of them, if not given.
        benchmark: "SSv2-Split" or "FineGym-Split"; any other name, or none, gives those of both.
    """
    found = pd.read_csv(io.StringIO(_FIGURES), sep=";").fillna({"initial": ""})
    if table is not None:
        found = found[found["table"] == table]
    if benchmark is not None and (own := found["benchmark"].str.startswith(f"{benchmark} ")).any():
        found = found[own]
    return found.assign(source=SOURCE).reset_index(drop=True)
