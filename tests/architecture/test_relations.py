"""Foreign keys follow the layers too: import-linter can't see the ones that are given as strings."""

from django.apps import apps

ORDER = [
    {"core"},
    {"teams"},
    {"messaging"},
    {"flows"},
    {"triggers", "campaigns", "assistant", "invitations", "compression"},
    {"analytics"},
]
RANK = {label: rank for rank, labels in enumerate(ORDER) for label in labels}


def test_no_relation_points_upward_or_to_a_sibling() -> None:
    wrong = [
        f"{model.__name__}.{field.name} -> {field.related_model.__name__}"
        for label in RANK
        for model in apps.get_app_config(label).get_models()
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and field.related_model
        if (target := field.related_model._meta.app_label) in RANK
        if target != label and RANK[target] >= RANK[label]
    ]
    assert wrong == []


def test_core_tables_have_no_relations_at_all() -> None:
    relations = [
        field
        for model in apps.get_app_config("core").get_models()
        for field in model._meta.get_fields()
        if field.is_relation
    ]
    assert relations == []
