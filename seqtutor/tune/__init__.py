"""KL-control tuning: targets (the maths), variants (the table), replay, learner, loop."""
