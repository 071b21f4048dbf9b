"""The HTTP API, `/v1/`: Open Responses for programs, on the same turns and streams as the page.

`handler.application` is the ASGI application; docs/http.md says how it is used.
"""
