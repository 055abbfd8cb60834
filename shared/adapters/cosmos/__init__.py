"""The production store: every port that a database serves, in Azure Cosmos DB for NoSQL.

One partition a call. What the service accepts was never tried here: the tests prove what is sent, and how answers are
taken, against a fake of the gateway.
"""
