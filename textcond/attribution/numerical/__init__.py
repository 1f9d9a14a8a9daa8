"""Conductance and its relatives for any module at any layer, integrated numerically.

`straight_path` holds what is asked for, `layer_capture` and `derivatives` give the integrand at
points of the path, `torch_operations` and `exact_cuts` cut the path where a piecewise-linear module
bends, and `quadrature` adds up.
"""
