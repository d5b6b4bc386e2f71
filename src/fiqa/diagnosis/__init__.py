"""What is wrong with a folder, a model or a table: the findings of `fiqa doctor`."""
