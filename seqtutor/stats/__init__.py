"""Statistics: estimates with intervals, tests between them, and strings seen before."""
