"""What scripts/attack does to seqtutor: kills, mangled files, bombs, hostile rewards, two writers, stopped workers."""
