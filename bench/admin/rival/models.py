# SPDX-License-Identifier: MIT
"""The books of bench/admin/desk.c."""
from django.db import models


class Book(models.Model):
    title = models.CharField(max_length=200)
    author = models.CharField(max_length=200, db_index=True)
    kind = models.CharField(max_length=10, db_index=True, choices=[
        ("novel", "Novel"), ("play", "Play"), ("poems", "Poems")])
    year = models.IntegerField(db_index=True)
    shelf = models.CharField(max_length=10)
    lent = models.BooleanField()
    bought = models.DateField()
    notes = models.CharField(max_length=200)

    class Meta:
        app_label = "rival"
