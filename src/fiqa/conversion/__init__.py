"""Files of one tool into the forms of another: benchmark files, tables of scores, weights."""
