#!/bin/bash
# Prints what is published to TOPICS, one JSON object a line. Comes back by itself; nothing is lost, nothing comes twice.
#
# usage: APP_URL=http://localhost:8000 listen.sh TOPIC…        (app.py there answers {"server", "otp"})
last= id= data= topics=()
for topic; do topics+=(--data-urlencode "topic=$topic"); done
while :; do
  IFS='"' read -r _ _ _ server _ _ _ otp _ < <(curl --silent --max-time 10 --request POST "$APP_URL/otp")
  while IFS= read -r line; do
    case $line in
      "id: "*) id=${line#id: } ;;
      "data: "*) data=${line#data: } ;;
      "") [[ $data != '{"type":"published"'* ]] || echo "$data"; last=$id data= ;;
    esac
  done < <(curl --no-buffer --silent --speed-limit 1 --speed-time 60 --get "$server/events" \
    --data "otp=$otp" --data-urlencode "last_event_id=$last" "${topics[@]}")
  sleep "$((RANDOM % 3)).$RANDOM"
done
