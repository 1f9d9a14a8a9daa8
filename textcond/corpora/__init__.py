"""Labelled text as `datasets.Dataset`, always with the columns of `dataset_columns.FEATURES`."""
