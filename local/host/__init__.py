"""A local stand-in for the Azure Functions host: triggers, bindings and worker processes, as `func start` has them.

`host.Host` is the composition; one module per trigger kind; `worker` is the program inside each worker process.
"""
