"""What outlives a process: the database and the data folder."""
