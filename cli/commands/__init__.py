"""The commands, a module for each subject. Each asks the server and prints; none decides anything."""
