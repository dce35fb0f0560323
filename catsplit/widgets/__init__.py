"""Interactive views: Bokeh documents that a page carries whole, and ipywidgets for a live kernel."""
