package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const latest = 253_402_300_799_999

var (
	statuses   = []string{"PLACED", "PAID", "CANCELLED", "REFUNDED"}
	amountForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)\.[0-9]{2}$`)
)

// invalid is why a record is none that the brief allows: poison.
type invalid string

func (i invalid) Error() string { return string(i) }

type order struct {
	orderID    string
	customer   string
	status     string
	cents      int64 // money is never a float
	currency   string
	occurredAt int64
	note       *string // nil for none: an empty note is one
}

// check holds an order against the brief's rules, whatever it was read from.
func (o *order) check() error {
	switch {
	case o.orderID == "" || o.customer == "":
		return invalid("order_id or customer is empty")
	case !slices.Contains(statuses, o.status):
		return invalid("status is none of the four")
	case len(o.currency) != 3 || strings.Trim(o.currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
		return invalid("currency is not three letters A to Z")
	case o.occurredAt < 0 || o.occurredAt > latest:
		return invalid("occurred_at is not in range")
	}
	texts := []string{o.orderID, o.customer}
	if o.note != nil {
		texts = append(texts, *o.note)
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return invalid("a text is not UTF-8")
		}
	}
	return nil
}

// canonicalJSON is the order as RFC 8785 would write it. Not by encoding/json: that escapes more
// than it should.
func (o *order) canonicalJSON() []byte {
	made := []byte(`{"order_id":`)
	made = appendText(made, o.orderID)
	made = appendText(append(made, `,"customer":`...), o.customer)
	made = appendText(append(made, `,"status":`...), o.status)
	made = appendText(append(made, `,"amount":`...), decimal(o.cents))
	made = appendText(append(made, `,"currency":`...), o.currency)
	made = strconv.AppendInt(append(made, `,"occurred_at":`...), o.occurredAt, 10)
	if o.note != nil {
		made = appendText(append(made, `,"note":`...), *o.note)
	}
	return append(made, '}')
}

var escapes = map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`}

func appendText(made []byte, text string) []byte {
	made = append(made, '"')
	for _, letter := range text {
		switch short, known := escapes[letter]; {
		case known:
			made = append(made, short...)
		case letter < 0x20:
			made = fmt.Appendf(made, `\u%04x`, letter)
		default:
			made = utf8.AppendRune(made, letter)
		}
	}
	return append(made, '"')
}

// decimal puts the point into the digits: division would have to mind the sign, and the smallest
// number has no positive counterpart.
func decimal(cents int64) string {
	digits := strconv.FormatInt(cents, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	for len(digits) < 3 {
		digits = "0" + digits
	}
	return sign + digits[:len(digits)-2] + "." + digits[len(digits)-2:]
}

// parseCommand gives the encoding that is asked for, and the order. An error is invalid.
func parseCommand(value []byte) (format, *order, error) {
	if !utf8.Valid(value) { // encoding/json replaces what is no UTF-8, silently
		return format{}, nil, invalid("not UTF-8")
	}
	// By exact names: into a struct, encoding/json also takes fields that differ in case.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(value, &fields); err != nil || fields == nil {
		return format{}, nil, invalid("not a JSON object")
	}
	var o order
	var encoding, amount *string
	var orderID, customer, status, currency *string
	var occurredAt *int64
	for name, target := range map[string]any{
		"encoding": &encoding, "order_id": &orderID, "customer": &customer, "status": &status,
		"amount": &amount, "currency": &currency, "occurred_at": &occurredAt, "note": &o.note,
	} {
		if raw, there := fields[name]; there {
			if err := json.Unmarshal(raw, target); err != nil {
				return format{}, nil, invalid(name + " has a wrong type")
			}
		}
	}
	for _, field := range []*string{encoding, orderID, customer, status, amount, currency} {
		if field == nil {
			return format{}, nil, invalid("a field is missing")
		}
	}
	wanted, known := byName[*encoding]
	if !known || occurredAt == nil {
		return format{}, nil, invalid("encoding is none of the three, or occurred_at is missing")
	}
	if !amountForm.MatchString(*amount) {
		return format{}, nil, invalid("amount is not a text with two decimals")
	}
	cents, err := strconv.ParseInt(strings.Replace(*amount, ".", "", 1), 10, 64)
	if err != nil {
		return format{}, nil, invalid("amount does not fit into 64 bits")
	}
	o.orderID, o.customer, o.status, o.currency = *orderID, *customer, *status, *currency
	o.cents, o.occurredAt = cents, *occurredAt
	return wanted, &o, o.check()
}
