#!/bin/bash
# Signs in and prints what a channel's stream carries. usage: hear.sh SERVER NAME PASSWORD CHANNEL
login=$(printf '{"username":"%s","password":"%s"}' "$2" "$3")
otp=$(curl -s "$1/login" -H 'Content-Type: application/json' -d "$login" | sed 's/.*"otp":"\([^"]*\)".*/\1/')
curl -sN "$1/events?topic=channel.$4&otp=$otp"
