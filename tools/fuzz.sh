#!/bin/sh
# Ask a running demo group's API what nobody foresaw, with every check of schemathesis:
#
#     tools/fuzz.sh http://127.0.0.1:8000 TOKEN [SECONDS]
#
# The token is one of `flask token create finance@demo.example`. Schemathesis is kept out of the
# locks, as it brings a Hypothesis of its own; SCHEMATHESIS names the program where it is not on
# the path (`python -m venv fuzz && fuzz/bin/pip install schemathesis`, then fuzz/bin/st).
# What is asked is recorded: never ask a group in use.
set -eu

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
# A key that came with another request before is refused with 422, whatever is in the request.
cat > "$folder/schemathesis.toml" <<'END'
[[operations]]
include-name = "POST /api/v1/reimbursements"
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422]
END
cd "$folder"  # it leaves its notes where it runs
${SCHEMATHESIS:-st} --config-file "$folder/schemathesis.toml" run "$1/api/v1/openapi.json" \
    --header "Authorization: Bearer $2" --checks all --max-time "${3:-300}" --continue-on-failure
