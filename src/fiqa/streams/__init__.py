"""Videos and cameras: states of frames, tracks of faces, best shots."""
