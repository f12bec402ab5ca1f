#!/usr/bin/env bash
# Brings the rules of the company's users in line with what each of them needs, with kafka-acls.sh.
#
# What is missing is added first, what is too much is removed after that, and what is right is never
# touched: so no running program loses a right on the way, and a second run has nothing to do.
#
# A rule is a line of seven fields, with tabs between them:
# permission, principal, host, operation, pattern type, resource type, resource name.
set -euo pipefail
export LC_ALL=C # sort and comm have to agree on the order

acls() {
    kafka-acls.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --command-config "$KAFKA_CONFIG" \
        "$@" </dev/null
}

# What brokers call the owner of a certificate: RFC 2253, the last part first.
principal_of() {
    awk -F', ' '{ for (i = NF; i > 0; i--) { sub(/ = /, "=", $i); printf "%s%s", $i, (i > 1 ? "," : "\n") } }' \
        <<<"$1"
}

allow() { # user, operation, pattern type, resource type, resource name
    printf 'ALLOW\tUser:%s\t*\t%s\t%s\t%s\t%s\n' "$@"
}

carrier=$(principal_of "$CARRIER_SUBJECT")

wanted() {
    # Denying Read alone would leave Describe, which the prefix brings along.
    printf 'DENY\tUser:%s\t*\tALL\tLITERAL\tTOPIC\t%s\n' "$ANALYST_USER" "$PRIVATE_TOPIC"
    allow "$ANALYST_USER" READ PREFIXED TOPIC "$ORDERS_TOPIC"
    allow "$ANALYST_USER" READ PREFIXED GROUP "$ANALYST_GROUPS"

    allow "$SHOP_USER" WRITE LITERAL TOPIC "$ORDERS_TOPIC"

    allow "$BILLING_USER" READ LITERAL TOPIC "$ORDERS_TOPIC"
    allow "$BILLING_USER" READ LITERAL GROUP "$BILLING_GROUP_ID"
    allow "$BILLING_USER" WRITE LITERAL TOPIC "$INVOICES_TOPIC"
    allow "$BILLING_USER" WRITE PREFIXED TRANSACTIONAL_ID "$BILLING_TRANSACTIONAL_ID"

    allow "$carrier" READ LITERAL TOPIC "$INVOICES_TOPIC"
    allow "$carrier" READ LITERAL GROUP "$CARRIER_GROUP_ID"

    for topic in "$ORDERS_TOPIC" "$PRIVATE_TOPIC" "$INVOICES_TOPIC"; do
        allow "$OPERATOR_USER" DESCRIBE LITERAL TOPIC "$topic"
        allow "$OPERATOR_USER" ALTER_CONFIGS LITERAL TOPIC "$topic"
    done
}

# Everybody whose rules are ours, a line for each.
principals() {
    local retired
    IFS=, read -ra retired <<<"$RETIRED_USERS"
    printf 'User:%s\n' "$SHOP_USER" "$BILLING_USER" "$ANALYST_USER" "$OPERATOR_USER" "$carrier" \
        "${retired[@]}"
}

# The rules that our users have now, from what kafka-acls.sh prints for people to read.
present() {
    local listing
    listing=$(acls --list)
    awk -v OFS='\t' '
        NR == FNR { ours[$0]; next }
        match($0, /resourceType=[A-Z_]+, name=.*, patternType=[A-Z]+/) {
            resource = substr($0, RSTART, RLENGTH)
            kind = resource; sub(/^resourceType=/, "", kind); sub(/, name=.*/, "", kind)
            name = resource; sub(/^[^,]*, name=/, "", name); sub(/, patternType=[A-Z]+$/, "", name)
            pattern = resource; sub(/.*, patternType=/, "", pattern)
        }
        match($0, /principal=.*, host=[^,]*, operation=[A-Z_]+, permissionType=[A-Z]+/) {
            rule = substr($0, RSTART, RLENGTH)
            who = rule; sub(/^principal=/, "", who); sub(/, host=[^,]*, operation=.*/, "", who)
            host = rule; sub(/.*, host=/, "", host); sub(/, operation=.*/, "", host)
            operation = rule; sub(/.*, operation=/, "", operation); sub(/, permissionType=.*/, "", operation)
            permission = rule; sub(/.*, permissionType=/, "", permission)
            if (who in ours) print permission, who, host, operation, pattern, kind, name
        }' <(principals) - <<<"$listing"
}

# Add or remove the rules of the standard input, what denies before what allows. Rules that differ in
# the resource alone share a call: each is a JVM.
change() { # --add or --remove
    local mode=$1 key last="" permission principal host operation pattern kind name
    local -a call=()
    while IFS=$'\t' read -r permission principal host operation pattern kind name; do
        key="$permission $principal $host $operation $pattern"
        if [[ $key != "$last" ]]; then
            [[ -z $last ]] || acls "${call[@]}"
            last=$key
            call=("$mode" --resource-pattern-type "$pattern" --operation "$(spoken "$operation")")
            if [[ $mode == --remove ]]; then call+=(--force); fi
            if [[ $permission == DENY ]]; then
                call+=(--deny-principal "$principal" --deny-host "$host")
            else
                call+=(--allow-principal "$principal" --allow-host "$host")
            fi
        fi
        case $kind in
            TOPIC) call+=(--topic "$name") ;;
            GROUP) call+=(--group "$name") ;;
            TRANSACTIONAL_ID) call+=(--transactional-id "$name") ;;
            CLUSTER) call+=(--cluster) ;;
            DELEGATION_TOKEN) call+=(--delegation-token "$name") ;;
            *) echo "a rule on a $kind is not understood" >&2; return 1 ;;
        esac
    done < <(sort -r)
    [[ -z $last ]] || acls "${call[@]}"
}

# ALTER_CONFIGS, as it is printed, is AlterConfigs, as it has to be given.
spoken() {
    awk -F_ '{ for (i = 1; i <= NF; i++) printf "%s%s", substr($i, 1, 1), tolower(substr($i, 2)) }' <<<"$1"
}

there=$(present | sort)
should=$(wanted | sort)
comm -13 <(echo "$there") <(echo "$should") | sed '/^$/d' | change --add
comm -23 <(echo "$there") <(echo "$should") | sed '/^$/d' | change --remove
