"""One HTML page about a few runs, complete in itself: `collect` gathers, `page` writes, `charts` draws."""
