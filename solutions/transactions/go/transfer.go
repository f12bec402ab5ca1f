package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

const mostCents = 1_000_000_000

// transfer is one that obeys every rule of the brief; parseTransfer is the only way to get one.
type transfer struct {
	id, from, to string
	cents        int64
}

// parseTransfer reads a record's value. An error means that the value is no transfer, and will
// not be one however often it is tried again.
func parseTransfer(value []byte) (t transfer, err error) {
	if len(value) == 0 {
		return t, errors.New("the value is missing or empty")
	}
	// The json package would quietly put U+FFFD where the bytes are not UTF-8.
	if !utf8.Valid(value) {
		return t, errors.New("the value is not UTF-8")
	}
	// Into a map, not into a struct: for a struct, the json package would also take "Amount" or
	// "AMOUNT" for the field "amount".
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(value, &fields); err != nil {
		return t, fmt.Errorf("the value is not a JSON object: %w", err)
	}
	if fields == nil {
		return t, errors.New("the value is null")
	}
	for name, field := range map[string]*string{"id": &t.id, "from": &t.from, "to": &t.to} {
		if json.Unmarshal(fields[name], field) != nil || *field == "" {
			return t, fmt.Errorf("%s is not a non-empty string", name)
		}
	}
	if t.from == t.to {
		return t, errors.New("from and to are the same account")
	}
	// Into an integer: a float64 would take 12.5, and any would have to be sorted out by type.
	if json.Unmarshal(fields["amount"], &t.cents) != nil || t.cents < 1 || t.cents > mostCents {
		return t, fmt.Errorf("amount is not a whole number of cents from 1 to %d", mostCents)
	}
	return t, nil
}

func (t transfer) debit() []byte  { return t.booking(t.from) }
func (t transfer) credit() []byte { return t.booking(t.to) }

func (t transfer) booking(account string) []byte {
	value, err := json.Marshal(struct {
		TransferID string `json:"transfer_id"`
		Account    string `json:"account"`
		Amount     int64  `json:"amount"`
	}{t.id, account, t.cents})
	if err != nil {
		panic(err) // two strings and a number can always be written
	}
	return value
}
