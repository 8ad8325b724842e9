"""Steps of `packaging/build.py`. Not part of the packages."""
