"""Side by side in one run: ratios, since a machine's absolute speed drifts."""
