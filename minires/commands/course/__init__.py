"""The actions of `minires course`."""
