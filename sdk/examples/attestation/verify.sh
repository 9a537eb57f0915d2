#!/bin/sh
# The same with openssl alone: sh verify.sh ROOT.pem < token. Prints the claims; their aud, nonce and exp are yours to compare.
set -eu
root=$1 work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
plain() { tr -- '-_' '+/' | awk '{ while (length($0) % 4) $0 = $0 "="; print }' | openssl base64 -d -A; }
IFS=. read -r head body signature || [ -n "$signature" ]
printf %s "$head" | plain | sed 's/.*"x5c":\[\([^]]*\)\].*/\1/' | tr -d '"' | tr ',' '\n' | while read -r der || [ -n "$der" ]; do
  printf -- '-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n' "$(printf %s "$der" | fold -w 64)"
done > "$work/chain.pem"
openssl x509 -in "$work/chain.pem" -out "$work/leaf.pem"
openssl verify -CAfile "$root" -untrusted "$work/chain.pem" "$work/leaf.pem" > /dev/null
hex=$(printf %s "$signature" | plain | od -An -tx1 -v | tr -d ' \n')
printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%s\ns=INTEGER:0x%s\n' "$(printf %s "$hex" | cut -c1-64)" "$(printf %s "$hex" | cut -c65-128)" > "$work/asn1"
openssl asn1parse -genconf "$work/asn1" -noout -out "$work/signature"
openssl x509 -in "$work/leaf.pem" -pubkey -noout > "$work/key.pem"
printf %s "$head.$body" | openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/signature" > /dev/null
printf %s "$body" | plain
