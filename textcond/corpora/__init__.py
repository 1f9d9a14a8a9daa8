"""Labelled text as `datasets.Dataset`, always with the columns of `columns.FEATURES`."""
