#!/bin/sh
# Makes the secrets of docker/compose.yaml, once; what exists is never replaced. Keep a copy of master_key and pepper
# in a safe: without them printed codes and tokens mean nothing.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets

random() { od -An -tx1 -N "$1" /dev/urandom | tr -d ' \n'; }

# The folder is closed; the files inside are readable because the containers' users are not ours.
keep() {
    if [ ! -e "secrets/$1" ]; then
        printf '%s\n' "$2" >"secrets/$1"
        chmod 444 "secrets/$1"
    fi
}

keep master_key "$(random 32)"
keep pepper "$(random 32)"
keep superuser_password "$(random 24)"
keep database_password "$(random 24)"
keep database_url "postgresql://scanback:$(cat secrets/database_password)@database:5432/scanback"
keep s3.env "AWS_ACCESS_KEY_ID=$(random 10)
AWS_SECRET_ACCESS_KEY=$(random 24)
S3_BUCKET=scanback"
