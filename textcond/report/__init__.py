"""Results → what a person looks at."""
