"""Maximum likelihood: the loop, the trainer, and several devices."""
