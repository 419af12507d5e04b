"""Sequence Tutor: tune a sequence generator by reinforcement learning, close to the data it was trained on."""

__version__ = "0.1.0"
