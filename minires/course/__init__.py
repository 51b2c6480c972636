"""The course: what tutorials show, the notebooks made from them, the two editions, the site.

    pictures    `show` and `slider`: a picture with its text, a picture to move, and what stands there without a kernel
    headers     what a tutorial says of itself: title, promise, time, needs
    notebooks   .py -> .ipynb with outputs, the same bytes each time
    editions    the student's and the teacher's folder, the syllabus, the grading
    site        static pages
"""

from minires.course.pictures import show, slider

__all__ = ["show", "slider"]
