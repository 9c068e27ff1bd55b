"""What is given on a command line: words become values, options become what a command asks."""
