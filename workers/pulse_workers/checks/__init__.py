"""Looking before running: is everything here that a worker needs, and does one that runs work?"""
