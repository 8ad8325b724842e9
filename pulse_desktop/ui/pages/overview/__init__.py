"""The overview page: is everything well, and what needs attention?"""
