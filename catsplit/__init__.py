"""Category splitting: edit one matrix of a trained video classifier (Liu & Doughty, ICLR 2026)."""

__version__ = "0.1.0"
