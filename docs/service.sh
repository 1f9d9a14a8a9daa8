#!/bin/sh
# The way through the API: train, ask which filters read "not good", extract rules with a negator.
set -eu
api=${1:-http://127.0.0.1:8000}/v1
post() { curl --silent --show-error --fail-with-body --json "$2" "$api/$1"; }
id() { python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'; }
wait_for() { curl --silent --no-buffer "$api/jobs/$1/events" > /dev/null; }

job=$(post models '{"name": "small", "corpus": "rotten-tomatoes", "epochs": 2}' | id)
wait_for "$job"
post models/small/filters/query '{"text": "this is not good", "pattern": "not good", "top": 3}'
echo

# Rules from the model that ships: trained on phrases, it reads more of negation.
analysis=$(post analyses '{"model": "sst", "corpus": "rotten-tomatoes", "split": "train"}' | id)
wait_for "$analysis"
rules=$(post "analyses/$analysis/rules" '{"filters": "negation"}' | id)
wait_for "$rules"
curl --silent --fail-with-body "$api/rules/$rules?format=spacy" --output rules.jsonl
head -n 5 rules.jsonl
