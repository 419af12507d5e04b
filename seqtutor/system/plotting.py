"""The colours of every plot: those of series, of text and of grid lines."""

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f5539", "#6c757d")
INK, LINE = "#22313f", "#ced4da"
