"""The network: trained, measured, saved and loaded."""
