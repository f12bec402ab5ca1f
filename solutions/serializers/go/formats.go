package main

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/hamba/avro/v2"
	"google.golang.org/protobuf/proto"

	"orders/orderpb"
)

// format is one of the three encodings.
type format struct {
	contentType string
	encode      func(*order) ([]byte, error)
	decode      func([]byte) (*order, error) // an error is invalid; the rules are checked later
}

var (
	byName = map[string]format{
		"protobuf": {"application/x-protobuf", toProtobuf, fromProtobuf},
		"avro":     {"avro/binary", toAvro, fromAvro},
		"binary":   {"application/vnd.kafka-lab.order", toBinary, fromBinary},
	}
	byType = map[string]format{}
)

func init() {
	for _, f := range byName {
		byType[f.contentType] = f
	}
}

// -- Protobuf ---------------------------------------------------------------------------------

func toProtobuf(o *order) ([]byte, error) {
	return proto.Marshal(&orderpb.OrderEvent{
		OrderId:     o.orderID,
		Customer:    o.customer,
		Status:      orderpb.Status(orderpb.Status_value[o.status]),
		AmountCents: o.cents,
		Currency:    o.currency,
		OccurredAt:  o.occurredAt,
		Note:        o.note, // nil leaves it out
	})
}

func fromProtobuf(value []byte) (*order, error) {
	var event orderpb.OrderEvent
	if err := proto.Unmarshal(value, &event); err != nil {
		return nil, invalid("not Protobuf: " + err.Error())
	}
	// A status that is not known has no name, and then breaks a rule.
	return &order{event.OrderId, event.Customer, orderpb.Status_name[int32(event.Status)],
		event.AmountCents, event.Currency, event.OccurredAt, event.Note}, nil
}

// -- Avro -------------------------------------------------------------------------------------

//go:embed order_event.avsc
var avroText string

var avroSchema = avro.MustParse(avroText)

type avroOrder struct {
	OrderID     string  `avro:"order_id"`
	Customer    string  `avro:"customer"`
	Status      string  `avro:"status"`
	AmountCents int64   `avro:"amount_cents"`
	Currency    string  `avro:"currency"`
	OccurredAt  int64   `avro:"occurred_at"`
	Note        *string `avro:"note"`
}

func toAvro(o *order) ([]byte, error) {
	return avro.Marshal(avroSchema,
		avroOrder{o.orderID, o.customer, o.status, o.cents, o.currency, o.occurredAt, o.note})
}

func fromAvro(value []byte) (found *order, err error) {
	defer func() {
		if problem := recover(); problem != nil { // bytes from anywhere must not end the service
			found, err = nil, invalid(fmt.Sprint("not Avro: ", problem))
		}
	}()
	var event avroOrder
	reader := avro.NewReader(bytes.NewReader(value), 512)
	reader.ReadVal(avroSchema, &event)
	if reader.Error != nil && !errors.Is(reader.Error, io.EOF) {
		return nil, invalid("not Avro: " + reader.Error.Error())
	}
	if reader.Error != nil {
		return nil, invalid("the Avro datum ends too early")
	}
	// A reader stops at the end of the datum, and is silent about what follows.
	if reader.Peek(); !errors.Is(reader.Error, io.EOF) {
		return nil, invalid("bytes after the end of the Avro datum")
	}
	return &order{event.OrderID, event.Customer, event.Status, event.AmountCents, event.Currency,
		event.OccurredAt, event.Note}, nil
}

// -- the binary format ------------------------------------------------------------------------

const (
	head    = 24
	hasNote = 1
)

func toBinary(o *order) ([]byte, error) {
	made := []byte{'O', 'E', 1, 0, byte(slices.Index(statuses, o.status) + 1)}
	made = append(made, o.currency...)
	made = binary.BigEndian.AppendUint64(made, uint64(o.cents))
	made = binary.BigEndian.AppendUint64(made, uint64(o.occurredAt))
	texts := []string{o.orderID, o.customer}
	if o.note != nil {
		made[3] = hasNote
		texts = append(texts, *o.note)
	}
	for _, text := range texts {
		if len(text) > 0xffff { // bytes, not letters
			return nil, invalid("a text is too long for the binary format")
		}
		made = binary.BigEndian.AppendUint16(made, uint16(len(text)))
		made = append(made, text...)
	}
	return made, nil
}

func fromBinary(value []byte) (*order, error) {
	if len(value) < head {
		return nil, invalid("it is shorter than its head")
	}
	flags, status := value[3], int(value[4])
	if string(value[:3]) != "OE\x01" || flags&^hasNote != 0 || status < 1 || status > len(statuses) {
		return nil, invalid("magic, version, flags or status are wrong")
	}
	texts := make([]string, 2, 3)
	if flags&hasNote != 0 {
		texts = texts[:3]
	}
	rest := value[head:]
	for i := range texts {
		if len(rest) < 2 || len(rest) < 2+int(binary.BigEndian.Uint16(rest)) {
			return nil, invalid("a text ends too early")
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		texts[i], rest = string(rest[2:end]), rest[end:]
	}
	if len(rest) > 0 {
		return nil, invalid("bytes after the end")
	}
	o := &order{
		orderID:    texts[0],
		customer:   texts[1],
		status:     statuses[status-1],
		cents:      int64(binary.BigEndian.Uint64(value[8:])),
		currency:   string(value[5:8]),
		occurredAt: int64(binary.BigEndian.Uint64(value[16:])),
	}
	if len(texts) == 3 {
		o.note = &texts[2]
	}
	return o, nil
}
