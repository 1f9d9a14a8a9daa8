"""A corpus → what filters do."""
