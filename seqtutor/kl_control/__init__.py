"""The maths of KL-control as pure functions: targets, losses, the table of variants, the optimum."""
