"""What several tests share: domains, commands, files, places."""
