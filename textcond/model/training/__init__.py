"""Training: from labelled texts to a measured network."""
