"""Figures of the book. They take data and return matplotlib axes; what is drawn was computed elsewhere."""

from catsplit.plots.clips import strips
from catsplit.plots.heads import plane, rows, similarity
from catsplit.plots.results import bars, intervals, trade_off
from catsplit.plots.style import COLOURS, MARKS, STYLE

__all__ = ["COLOURS", "MARKS", "STYLE", "bars", "intervals", "plane", "rows", "similarity", "strips", "trade_off"]
