"""Conductance of a corpus on disk: computed, continued, read."""
