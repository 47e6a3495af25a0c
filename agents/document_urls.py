"""The pages of the documents, under /documents/."""

from __future__ import annotations

from django.urls import path

from agents.views import document_changes, documents

# /documents/
urlpatterns = [
    path("", documents.documents, name="documents"),
    path("new/", document_changes.document_upload, name="document_upload"),
    path("folder/", document_changes.document_folder, name="document_folder"),
    path("test/", documents.document_test, name="document_test"),
    path("embedding/", documents.embedding_progress, name="embedding_progress"),
    path("embedding/start/", document_changes.embedding_start, name="embedding_start"),
    path("embedding/stop/", document_changes.embedding_stop, name="embedding_stop"),
    path("<uuid:document_id>/", documents.document, name="document"),
    path("<uuid:document_id>/uses/", documents.document_uses, name="document_uses"),
    path("<uuid:document_id>/versions/<int:number>/", documents.document_version, name="document_version"),
    path("<uuid:document_id>/new/", document_changes.document_version_new, name="document_version_new"),
    path("<uuid:document_id>/read/", document_changes.document_read, name="document_read"),
    path("<uuid:document_id>/archive/", document_changes.document_archive, name="document_archive"),
    path("<uuid:document_id>/restore/", document_changes.document_restore, name="document_restore"),
]
