"""The catalogue of cases. Ids are permanent; what a released id stands for never changes."""
