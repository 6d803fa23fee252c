"""Checks /openapi.json: valid OpenAPI 3.1, every operation told whole, every example good by its schema.

usage: openapi.py ORIGIN
"""

import sys

from door import get
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}

document = get(sys.argv[1], "/openapi.json")
faults = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]


def check(good, fault):
    if not good:
        faults.append(fault)


def check_examples(schema, examples, where):
    # Beside `$ref`, so that references within the document are found.
    validator = Draft202012Validator({**document, "allOf": [schema]})
    for example in examples:
        faults.extend(f"{where}: {error.message}" for error in validator.iter_errors(example))


operations = [
    (f"{method.upper()} {path}", operation)
    for path, item in document["paths"].items()
    for method, operation in item.items()
    if method in METHODS
]
names = [operation.get("operationId") for _, operation in operations]
check(len(set(names)) == len(names), f"two operations have one name: {sorted(map(str, names))}")
schemes = document["components"]["securitySchemes"]
# How a refusal is told, and where it is told as problem details.
error_bodies = {"application/json": "#/components/schemas/ErrorBody", "application/problem+json": "#/components/schemas/Problem"}
for name, operation in operations:
    check(operation.get("operationId"), f"{name}: no operationId")
    check(operation.get("summary"), f"{name}: no summary")
    check(operation.get("tags"), f"{name}: no tag")
    for requirement in operation.get("security", []):
        check(set(requirement) <= set(schemes), f"{name}: {requirement} is no security scheme")
    errors = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
    check({"421", "500"} <= set(errors), f"{name}: every request may be misdirected or fail")
    check("requestBody" not in operation or {"400", "413", "415"} <= set(errors), f"{name}: a body may be wrong")
    for status, answer in errors.items():
        [(kind, content)] = answer["content"].items()
        told_as_problems = "/products" in name
        check(told_as_problems == (kind == "application/problem+json"), f"{name}: {status} is {kind}")
        check({"$ref": error_bodies[kind]} in content["schema"].get("allOf", []), f"{name}: {status} has another body")
    for answer in [operation.get("requestBody", {}), *operation["responses"].values()]:
        for content in answer.get("content", {}).values():
            examples = [one["value"] for one in content.get("examples", {}).values()]
            examples += [content["example"]] if "example" in content else []
            check_examples(content["schema"], examples, name)

for name, schema in document["components"]["schemas"].items():
    check_examples(schema, schema.get("examples", []), name)

print("\n".join(faults) or f"OpenAPI: {len(operations)} operations are described, and well")
sys.exit(bool(faults))
