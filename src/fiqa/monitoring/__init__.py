"""Is a fleet still what it was? Scores of drives against those of a reference: collapse, drift, and
changes that build up.

The unit is the drive, never the frame.
"""
