"""The API's description, made from the routes of the app and the shapes they name.

`python -m local.reference` writes shared/reference/openapi.json and, from that, the table in docs/openai.md; a test
holds both equal to the code. The document is deployed as a file, so that no instance pays for making it, and a change
of the API shows in the diff of its commit.
"""
