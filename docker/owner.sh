#!/bin/sh
# Runs once, when the database's volume is empty: makes the owner of the product's database, who is no superuser.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$(cat /run/secrets/database_password)" --username postgres <<'SQL'
CREATE ROLE scanback LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE scanback OWNER scanback;
SQL
