"""Videos and cameras: what state a frame is in, tracks of faces, and their best shots."""
