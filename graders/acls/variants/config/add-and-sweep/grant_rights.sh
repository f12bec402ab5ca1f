#!/usr/bin/env bash
# Says all that should be there, in every run (what is there stays as it is), then sweeps the rest.
set -eu -o pipefail

acls() {
    kafka-acls.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --command-config "$KAFKA_CONFIG" "$@"
}

# Globex's certificate from the back: one part after the other is put before those that came first.
carrier=""
rest="$CARRIER_SUBJECT, "
while [ -n "$rest" ]; do
    part="${rest%%, *}"
    rest="${rest#*, }"
    carrier="${part/ = /=}${carrier:+,$carrier}"
done

keep=$(mktemp)
trap 'rm -f "$keep"' EXIT

# allow|deny, literal|prefixed, principal, operations (a,b), then: kind name, kind name …
rule() {
    local verb="$1" pattern="$2" who="User:$3" operations="${4//,/ }" operation kind
    local args=(--add "--$verb-principal" "$who" --resource-pattern-type "$pattern")
    shift 4
    for operation in $operations; do args+=(--operation "$operation"); done
    while [ $# -gt 0 ]; do
        args+=("--$1" "$2")
        kind=$(tr 'a-z-' 'A-Z_' <<<"$1")
        for operation in $operations; do
            operation=$(sed 's/\([a-z]\)\([A-Z]\)/\1_\2/g' <<<"$operation")
            printf '%s %s %s|%s|* %s %s\n' "$kind" "$2" "$pattern" "$who" "$operation" "$verb" |
                tr 'a-z' 'A-Z' >>"$keep"
        done
        shift 2
    done
    acls "${args[@]}" >/dev/null
}

rule deny literal "$ANALYST_USER" Read,Describe topic "$PRIVATE_TOPIC"
rule allow prefixed "$ANALYST_USER" Read topic "$ORDERS_TOPIC" group "$ANALYST_GROUPS"
rule allow literal "$SHOP_USER" Write,Describe topic "$ORDERS_TOPIC"
rule allow literal "$BILLING_USER" Read topic "$ORDERS_TOPIC" group "$BILLING_GROUP_ID"
rule allow literal "$BILLING_USER" Write topic "$INVOICES_TOPIC"
rule allow prefixed "$BILLING_USER" Write transactional-id "$BILLING_TRANSACTIONAL_ID"
rule allow literal "$carrier" Read topic "$INVOICES_TOPIC" group "$CARRIER_GROUP_ID"
rule allow literal "$OPERATOR_USER" Describe,DescribeConfigs,AlterConfigs \
    topic "$ORDERS_TOPIC" topic "$PRIVATE_TOPIC" topic "$INVOICES_TOPIC"

resource='.*resourceType=\([A-Z_]*\), name=\(.*\), patternType=\([A-Z]*\)).*'
entry='.*(principal=\(.*\), host=\([^,]*\), operation=\([A-Z_]*\), permissionType=\([A-Z]*\)).*'
list=$(acls --list)
while IFS= read -r line; do
    case "$line" in
        *resourceType=*)
            kind=$(sed "s/$resource/\1/" <<<"$line")
            name=$(sed "s/$resource/\2/" <<<"$line")
            pattern=$(sed "s/$resource/\3/" <<<"$line")
            continue
            ;;
        *principal=*) ;;
        *) continue ;;
    esac
    who=$(sed "s/$entry/\1/" <<<"$line")
    case ",$SHOP_USER,$BILLING_USER,$ANALYST_USER,$OPERATOR_USER,$RETIRED_USERS," in
        *",${who#User:},"*) ;;
        *) [ "$who" = "User:$carrier" ] || continue ;;
    esac
    host=$(sed "s/$entry/\2/" <<<"$line")
    operation=$(sed "s/$entry/\3/" <<<"$line")
    permission=$(sed "s/$entry/\4/" <<<"$line")
    key=$(tr 'a-z' 'A-Z' <<<"$kind $name $pattern|$who|$host $operation $permission")
    if grep -qxF "$key" "$keep"; then continue; fi
    verb=$(tr 'A-Z' 'a-z' <<<"$permission")
    words=$(sed 's/\([A-Z]\)\([A-Z]*\)_*/\1 \2 /g' <<<"$operation" |
        awk '{ for (i = 1; i <= NF; i += 2) printf "%s%s", $i, tolower($(i + 1)) }')
    what=("--$(tr 'A-Z_' 'a-z-' <<<"$kind")" "$name")
    if [ "$kind" = CLUSTER ]; then what=(--cluster); fi
    acls --remove --force "--$verb-principal" "$who" "--$verb-host" "$host" \
        --operation "$words" "${what[@]}" --resource-pattern-type "$pattern" </dev/null
done <<<"$list"
