"""The sides of a score, and which filters work for which."""
