"""The closed form: winning windows, and exact integrals along the path to a text."""
