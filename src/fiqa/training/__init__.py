"""The training engine: configuration, data, objectives, one loop, checkpoints.

It needs torch; the verb `fiqa.train` drives it.
"""
