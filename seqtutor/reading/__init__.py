"""Files of sequences: text files of every dress, records, and rejections with their reasons."""
