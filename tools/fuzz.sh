#!/bin/sh
# Ask a running demo group's API what nobody foresaw, with every check of schemathesis:
#
#     tools/fuzz.sh http://127.0.0.1:8000 TOKEN [SECONDS]
#
# Once with a token of `flask token create finance@demo.example`, who records and pays, and once
# with one of admin@demo.example, who imports (no fuzzer makes a workbook: hand one in before, so
# that there is an import to ask for); with FLEET_OA_SECRET set and without. Schemathesis is kept
# out of the locks, as it brings a Hypothesis of its own; SCHEMATHESIS names the program where it
# is not on the path (`python -m venv fuzz && fuzz/bin/pip install schemathesis`, then
# fuzz/bin/st). What is asked is recorded: never ask a group in use.
set -eu

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
# A part of a form that is an empty list is not sent at all: what would be left of an unknown field
# is a form without it, which is taken, as it should be.
cat > "$folder/hooks.py" <<'END'
import schemathesis


@schemathesis.hook
def filter_case(context, case):
    form = case.media_type == "multipart/form-data" and isinstance(case.body, dict)
    return not (form and [] in case.body.values())
END
cat > "$folder/schemathesis.toml" <<'END'
hooks = "hooks.py"

# Numbers are drawn at large, and those of the demo group are small.
[dictionaries.numbers]
values = [1, 2, 3, 5, 8, 13, 21, 34]

[parameters]
"path.claim_id" = { dictionary = "numbers", probability = 0.5 }
"path.attachment_id" = { dictionary = "numbers", probability = 0.5 }
"path.task_id" = { dictionary = "numbers", probability = 0.5 }
"path.number" = { dictionary = "numbers", probability = 0.5 }

# A request too long is refused before it is read, with 413, 414 or 431, whatever is wrong in it too.
[checks]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 414, 415, 422, 431]

# A key that came with another request before is refused with 422, whatever is in the request.
[[operations]]
include-name = "POST /api/v1/reimbursements"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422]

# A schema says that a file is bytes, never that they are a document, a sheet or a workbook: what
# is none is refused with 422.
[[operations]]
include-name = [
    "POST /api/v1/reimbursements/{claim_id}/attachments",
    "POST /api/v1/reimbursements/sheets",
    "POST /api/v1/imports",
]
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422]
END
cd "$folder"  # it leaves its notes where it runs
${SCHEMATHESIS:-st} --config-file "$folder/schemathesis.toml" run "$1/api/v1/openapi.json" \
    --header "Authorization: Bearer $2" --checks all --max-time "${3:-300}" --continue-on-failure
