"""Addresses of the sample application."""

from __future__ import annotations

from django.urls import path

from leitstand.sandbox.images.app import views

urlpatterns = [
    path("", views.start_page),
    path("healthz", views.healthz),
    path("smoke", views.smoke),
    path("api/documents", views.documents),
    path("api/search", views.search),
    path("api/export", views.export),
]
