"""Negation filters: found, checked by ablation, and shown at work."""
