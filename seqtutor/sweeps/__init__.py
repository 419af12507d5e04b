"""Sweeps: a grid of runs tuned from one prior, here or on a Ray cluster, and their frontier of reward against KL."""
