"""See CONTRIBUTING.md for what belongs in this room."""
