"""KL-control tuning: the loop of rounds, the tuner, the learner, the replay, the best sequences."""
