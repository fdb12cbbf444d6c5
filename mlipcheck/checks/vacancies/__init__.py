"""Vacancies: what it takes to make one, and to move an atom into it."""
