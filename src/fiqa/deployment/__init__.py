"""From a model to a chip: other runtimes, int8, each behind a gate, and a kit that proves it."""
