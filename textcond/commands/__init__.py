"""The commands, by what they work on. Each parses, calls the library and prints."""
