"""Run folders: their config, history, checkpoints and TensorBoard files, and a run loaded from one."""
