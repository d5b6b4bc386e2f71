"""The studio: pages in a browser, on this machine, where people choose templates and review faces.

Its room is not named like its verb, `fiqa.studio`, which a module of that name would hide.
"""
