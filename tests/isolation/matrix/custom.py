"""Routes of what a company defines itself, and files that it imports."""

from typing import Final

from tests.factories import new_id
from tests.isolation.matrix.case import Case, Route
from tests.isolation.matrix.parts import OBJECT

_RECORD: Final = {"path.record_id": "custom_record"}


API: Final[dict[Route, Case]] = {
    ("GET", "/v1/custom-fields"): Case(),
    ("POST", "/v1/custom-fields"): Case(
        ids={"body.object_id": "custom_object"},
        new_ids=("body.id", "body.options.0.id"),
        body=lambda company: {
            "subject": "custom_record",
            "object_id": str(company.ids["custom_object"]),
            "type": "choice",
            "label_zh": company.text("新字段"),
            "meaning": company.text("问店主"),
            "options": [{"zh": company.text("选项")}],
        },
    ),
    ("PATCH", "/v1/custom-fields/{field_id}"): Case(
        ids={"path.field_id": "custom_field"},
        new_ids=("body.options.0.id",),
        body=lambda company: {"options": [{"zh": company.text("改选项")}]},
    ),
    ("GET", "/v1/custom-objects"): Case(),
    ("POST", "/v1/custom-objects"): Case(
        new_ids=("body.id",),
        body=lambda company: {
            "name_zh": company.text("新对象"),
            "meaning": company.text("问店主"),
            "title_zh": company.text("标题"),
        },
    ),
    ("PATCH", "/v1/custom-objects/{object_id}"): Case(
        ids={"path.object_id": "custom_object"},
        body=lambda company: {"meaning": company.text("改意思")},
    ),
    ("GET", "/v1/custom-objects/{object_id}/export.csv"): Case(ids=OBJECT),
    ("GET", "/v1/custom-records"): Case(
        ids={
            "query.object_id": "custom_object",
            "query.customer_id": "customer",
            "query.store_id": "store",
        },
    ),
    ("GET", "/v1/custom-records/{record_id}"): Case(ids=_RECORD),
    ("PATCH", "/v1/custom-records/{record_id}"): Case(
        ids={**_RECORD, "body.store_id": "store"},
        body=lambda company: {"title": company.text("改记录")},
    ),
    ("DELETE", "/v1/custom-records/{record_id}"): Case(ids=_RECORD, spends="path.record_id"),
    ("POST", "/v1/custom-records/{record_id}/restoration"): Case(ids=_RECORD),
    ("GET", "/v1/imports"): Case(),
    ("POST", "/v1/imports"): Case(
        query={"file_name": "客户.csv"},
        file="name,phone\n某客户,13812345678\n".encode(),
        new_ids=("query.id",),
    ),
    ("GET", "/v1/imports/template.csv"): Case(),
    ("GET", "/v1/imports/{import_id}"): Case(ids={"path.import_id": "import"}),
    ("POST", "/v1/imports/{import_id}/preview"): Case(
        ids={"path.import_id": "import"}, body=lambda _: {"duplicates": "skip"}
    ),
    ("POST", "/v1/imports/{import_id}/start"): Case(
        ids={"path.import_id": "import"},
        body=lambda _: {"duplicates": "skip"},
        spends="path.import_id",
    ),
    ("GET", "/v1/imports/{import_id}/problems"): Case(ids={"path.import_id": "import"}),
    ("GET", "/v1/imports/{import_id}/errors.csv"): Case(ids={"path.import_id": "import"}),
}

PAGES: Final[dict[Route, Case]] = {
    ("GET", "/objects"): Case(),
    ("GET", "/objects/new"): Case(),
    ("POST", "/objects/new"): Case(
        new_ids=("body.id",),
        body=lambda company: {
            "id": str(new_id()),
            "name_zh": f"{company.text('表单对象')}{new_id().hex[-6:]}",
            "meaning": company.text("问店主"),
            "title_zh": company.text("标题"),
            "writers": "everyone",
        },
    ),
    ("GET", "/objects/{object_id}"): Case(ids=OBJECT),
    ("GET", "/objects/{object_id}/export.csv"): Case(ids=OBJECT),
    ("GET", "/objects/{object_id}/edit"): Case(ids=OBJECT),
    ("POST", "/objects/{object_id}/edit"): Case(
        ids=OBJECT,
        body=lambda company: {
            "name_zh": company.text("表单改对象"),
            "meaning": company.text("问店主"),
            "title_zh": company.text("标题"),
            "writers": "everyone",
        },
    ),
    ("POST", "/objects/{object_id}/state"): Case(ids=OBJECT, body=lambda _: {"state": "active"}),
    ("GET", "/records/{record_id}"): Case(ids=_RECORD),
    ("POST", "/records/{record_id}"): Case(
        ids=_RECORD, body=lambda company: {"title": company.text("表单改记录")}
    ),
    ("POST", "/records/{record_id}/removal"): Case(ids=_RECORD, spends="path.record_id"),
    ("POST", "/records/{record_id}/restoration"): Case(ids=_RECORD),
    ("GET", "/fields"): Case(),
    ("GET", "/fields/new"): Case(),
    ("POST", "/fields/new"): Case(
        new_ids=("body.id",),
        body=lambda company: {
            "subject": "store",
            "type": "text",
            "label_zh": company.text("表单字段"),
            "meaning": company.text("义"),
        },
    ),
    ("GET", "/fields/{field_id}"): Case(ids={"path.field_id": "custom_field"}),
    ("POST", "/fields/{field_id}"): Case(
        ids={"path.field_id": "custom_field"},
        body=lambda company: {
            "label_zh": company.text("改字段"),
            "meaning": company.text("改义"),
            "option_zh_0": company.text("选项"),
        },
    ),
    ("POST", "/fields/{field_id}/state"): Case(
        ids={"path.field_id": "custom_field"}, body=lambda _: {"state": "archived"}
    ),
    ("GET", "/imports"): Case(),
    ("POST", "/imports"): Case(
        file="name,phone\n某客户,13812345678\n".encode(),
        body=lambda _: {"id": str(new_id())},
        new_ids=("body.id",),
    ),
    ("GET", "/imports/template.csv"): Case(),
    ("GET", "/imports/{import_id}"): Case(ids={"path.import_id": "import"}),
    ("POST", "/imports/{import_id}/plan"): Case(
        ids={"path.import_id": "import"},
        body=lambda _: {"column_0": "name", "duplicates": "skip"},
    ),
    ("POST", "/imports/{import_id}/start"): Case(
        ids={"path.import_id": "import"},
        body=lambda _: {"column_0": "name", "duplicates": "skip"},
        spends="path.import_id",
    ),
    ("GET", "/imports/{import_id}/errors.csv"): Case(ids={"path.import_id": "import"}),
}
