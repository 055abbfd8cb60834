"""What local mode makes for itself at first start: tools (the shell scripts), secrets, settings, one owner a folder."""
