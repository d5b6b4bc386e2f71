"""The service: scores over HTTP, on this machine unless told otherwise.

A request passes the guard (token, rate, size), its images wait in a bounded queue, one kind of
process decodes them under limits, another holds the model and scores what came in together.
"""
