"""What a user can ask for, from the typed request to the result: the command line and the service
parse, call one of these, and show what comes back."""
