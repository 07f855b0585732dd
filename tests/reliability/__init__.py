"""What is promised of a process that trains: each promise a command, and RELIABILITY.md has the figures."""
