"""Jobs: their states, the queue, and the processes that do them."""
