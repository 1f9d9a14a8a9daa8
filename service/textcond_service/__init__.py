"""The HTTP service: textcond's models, explanations and analyses over HTTP.

Thin over the library: a request is parsed, the library is called, its own JSON is the answer.
Long work is a job: a row in the database, run by a worker process.
"""
