"""Methods that only the studies use."""
