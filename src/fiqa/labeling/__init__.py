"""What labeling needs: inputs joined by id, options checked, the long work in parts that survive a
kill."""
