curl -i https://api.globogym.example/v1/enrollments \
  -H "Authorization: Bearer $ACCESS_TOKEN" \
  -H 'Content-Type: application/json' \
  -H 'Idempotency-Key: crm-lead-4711' \
  -d @application.json
