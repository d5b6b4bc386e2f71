"""People of a fleet: enrolled from what `select` wrote, and forgotten again."""
