"""The model server of local mode: a small chat model and an embedding model behind one OpenAI-compatible address.

`packages` fetches the weights, `conversion` turns them into what runs here, `chat` and `embedding` run them,
`server` speaks HTTP.
"""
