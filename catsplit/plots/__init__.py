"""Figures of the book. They take data and return matplotlib axes; what is drawn was computed elsewhere."""

from catsplit.plots.dictionaries import flow, similarity_maps
from catsplit.plots.heatmaps import confusion, matches, rows, similarity
from catsplit.plots.maps import label_map, label_maps, name_map, row_map
from catsplit.plots.pictures import pictures, strips
from catsplit.plots.planes import parallelogram, plane, plane_through, prototypes, regions
from catsplit.plots.results import bars, curves, intervals, trade_off
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
    "similarity",
    "similarity_maps",
    "strips",
    "trade_off",
]
