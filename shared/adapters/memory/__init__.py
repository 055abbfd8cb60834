"""Every port in plain Python, for tests of services: the same promises, no file, no process, no waiting."""
