#!/bin/bash
# A role and a database per service; no service can connect to another's database.
set -e
for service in customers activities pipeline mailing; do
  psql -v ON_ERROR_STOP=1 -v service="$service" -U "${POSTGRES_USER:-postgres}" -d postgres -q <<SQL
\\set password \`cat /run/secrets/postgres_${service}_password\`
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE DATABASE :"service" OWNER :"service";
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
SQL
done
