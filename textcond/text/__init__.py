"""Text → tokens → ids."""
