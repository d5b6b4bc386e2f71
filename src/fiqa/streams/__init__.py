"""Videos and cameras: what state a frame is in, and what is made of frames in a row."""
