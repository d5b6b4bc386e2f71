"""An evaluation as a person reads it: plots, tables, one page, one folder."""
