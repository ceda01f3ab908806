"""The tests: a folder a room, builders in make.py, the people in cast.py."""
