curl -i https://api.globogym.example/v1/enrollments \
  -H 'X-API-Key: ggk_your_key' \
  -H 'Content-Type: application/json' \
  -H 'Idempotency-Key: crm-lead-4711' \
  -d '{"firstName":"Ada","lastName":"Lovelace","email":"ada@example.com",
       "dateOfBirth":"1990-12-10","homeClubId":"london-shoreditch","plan":"premium-annual"}'
