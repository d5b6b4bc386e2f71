"""Does a quality score help a recognizer?

The evidence, the curves, the result, and the papers' tables.
"""
