"""The command line, the embedded services and the supervisor: what a person starts."""
