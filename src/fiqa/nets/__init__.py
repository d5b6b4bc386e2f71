"""Networks in plain torch, with the parameter names of the published state dicts that they load.

Import them inside functions: they need torch.
"""
