"""The API's description, made from the routes of the app and the shapes they name.

`python -m local.reference` writes shared/reference/openapi.json; a test holds it equal to the code. It is made here and
deployed as a file, so that no instance pays for making it, and a change of the API shows in the diff of its commit.
"""
