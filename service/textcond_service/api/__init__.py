"""HTTP: what is asked, what is answered, and who may ask."""
