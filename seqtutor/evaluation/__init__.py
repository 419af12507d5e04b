"""Drawing from runs, and judging runs and files: figures with intervals, scores."""
