#!/bin/bash
# Prints what is published to TOPICS, one JSON object a line; what the server cannot give, it says on standard error.
# Comes back by itself; nothing is lost, nothing comes twice. Ends when none of the topics is for you.
#
# usage: APP_URL=http://localhost:8000 listen.sh TOPIC…        (app.py there answers {"server", "otp"})
last= spread=0 topics=()
for topic; do topics+=(--data-urlencode "topic=$topic"); done
member() { tr -d '\n' <<<"$admission" | sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p"; }
while :; do
  admission=$(curl --silent --max-time 10 --request POST "$APP_URL/otp")
  data= id=$last # what a cut connection left half said is said again
  while IFS= read -r line; do
    case $line in
      "id: "*) id=${line#id: } ;;
      "data: "*) data=${line#data: } ;;
      "retry: "*) spread=${line#retry: } ;; # ms: a server that restarts spreads its clients
      "")
        case $data in
          '{"type":"published"'*) echo "$data" ;;
          '{"type":"hello"'*'"reason":'* | '{"type":"hello"'*'"refused":'*) echo "$data" >&2 ;;
        esac
        last=$id data= ;;
      '{"error":'*) # and the status, last of all
        echo "${line%???}" >&2
        [[ $line != *40[034] ]] || exit 1 ;;
    esac
  done < <(curl --no-buffer --silent --speed-limit 1 --speed-time 60 --write-out '%{http_code}\n' \
    --get "$(member server)/events" --data "otp=$(member otp)" --data-urlencode "last_event_id=$last" "${topics[@]}")
  sleep "$((spread / 1000 + RANDOM % 2)).$((RANDOM % 10))"
done
