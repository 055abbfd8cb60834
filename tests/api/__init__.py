"""What programs written against OpenAI and Azure OpenAI must find here, asked by the clients they use.

`make conformance` starts the product once, on the scripted models, and runs each client's own programs in an
environment of its own. The programs know nothing of this repository: an address, two keys, and where to script the
model (`conftest.py`). Their files are called `check_*`, so that the project's own run of pytest leaves them alone;
what it does run of them, with the client that is installed, is `tests/scenarios/test_conformance.py`.
"""
