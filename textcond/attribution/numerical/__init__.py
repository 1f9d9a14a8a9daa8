"""Conductance and its relatives for any module at any layer, integrated numerically.

`path` holds what is asked for, `layer` and `derivatives` give the integrand at points of the path,
`operations` and `pieces` cut the path where a piecewise-linear module bends, and `quadrature` adds
up.
"""
