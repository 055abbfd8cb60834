"""Requests that a program makes up from the OpenAPI document, with schemathesis, against the running product.

`make fuzz` starts a product of its own for it; tests/scenarios/test_reference.py fuzzes the product of the scenarios
for a few seconds. Whatever comes, the answer has a status and a shape that the document names, and none is a 5xx.
"""
