"""The machine: files, tables, the cache, progress, signals, TensorFlow's setup, Ray."""
