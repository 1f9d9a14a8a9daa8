"""Rules: patterns of words with the conductance in their matches."""
