"""One input → which neurons, fed by which tokens, made its score."""
