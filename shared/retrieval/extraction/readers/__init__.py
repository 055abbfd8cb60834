"""Ways to read a file: each module has one function `read(source, limits) -> Document`. Only the child imports them."""
