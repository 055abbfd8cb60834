"""The smallest function app with the same HTTP extension: what the runtime alone costs."""
