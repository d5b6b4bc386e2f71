"""Recognition vectors of aligned crops."""
