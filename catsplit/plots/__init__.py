"""Figures of the book. They take data and return matplotlib axes; what is drawn was computed elsewhere."""

from catsplit.plots.arithmetic import parallelogram, plane_through, regions
from catsplit.plots.clips import strips
from catsplit.plots.confusions import confusion
from catsplit.plots.dictionaries import flow, matches, prototypes, similarity_maps
from catsplit.plots.heads import plane, rows, similarity
from catsplit.plots.learning import curves
from catsplit.plots.maps import label_map, label_maps, name_map, row_map
from catsplit.plots.results import bars, intervals, trade_off
from catsplit.plots.signs import pictures, signs
from catsplit.plots.style import COLOURS, MARKS, STYLE

__all__ = [
    "COLOURS",
    "MARKS",
    "STYLE",
    "bars",
    "confusion",
    "curves",
    "flow",
    "intervals",
    "label_map",
    "label_maps",
    "matches",
    "name_map",
    "parallelogram",
    "pictures",
    "plane",
    "plane_through",
    "prototypes",
    "regions",
    "row_map",
    "rows",
    "signs",
    "similarity",
    "similarity_maps",
    "strips",
    "trade_off",
]
