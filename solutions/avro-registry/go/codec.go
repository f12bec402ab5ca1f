package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/hamba/avro/v2"
)

//go:embed parcel_scan.avsc
var schemaText string

var ownSchema = avro.MustParse(schemaText).(*avro.RecordSchema)

const frame = 5 // a zero, and the id in four bytes

// scan is both the event and its JSON.
type scan struct {
	Parcel    string  `avro:"parcel" json:"parcel"`
	Depot     string  `avro:"depot" json:"depot"`
	ScannedAt int64   `avro:"scanned_at" json:"scanned_at"`
	Grams     int64   `avro:"grams" json:"grams"`
	Status    string  `avro:"status" json:"status"`
	Note      *string `avro:"note" json:"note"`
	Handler   string  `avro:"handler" json:"handler"`
}

// invalid is why a record is none that the brief allows.
type invalid string

func (i invalid) Error() string { return string(i) }

// parseScan reads a scan; an error is invalid.
func parseScan(value []byte) (*scan, error) {
	if !utf8.Valid(value) {
		return nil, invalid("not UTF-8")
	}
	// Pointers tell what is missing or null from what is zero.
	var given struct {
		Parcel, Depot, Status string
		ScannedAt             *int64 `json:"scanned_at"`
		Grams                 *int64
		Note                  *string
		Handler               json.RawMessage
	}
	if err := json.Unmarshal(value, &given); err != nil {
		return nil, invalid("not the JSON of a scan: " + err.Error())
	}
	handler := "unknown"
	if given.Handler != nil {
		if err := json.Unmarshal(given.Handler, &handler); err != nil || string(given.Handler) == "null" {
			return nil, invalid("handler is not a text")
		}
	}
	switch {
	case given.Parcel == "" || given.Depot == "" || handler == "":
		return nil, invalid("parcel, depot or handler is missing or empty")
	case given.ScannedAt == nil || *given.ScannedAt < 0 || given.Grams == nil || *given.Grams < 0:
		return nil, invalid("scanned_at or grams is missing or negative")
	case given.Status != "ARRIVED" && given.Status != "DEPARTED" && given.Status != "LOST":
		return nil, invalid("status is none of the three")
	}
	return &scan{given.Parcel, given.Depot, *given.ScannedAt, *given.Grams, given.Status, given.Note,
		handler}, nil
}

// codec writes and reads events in the registry's wire format.
type codec struct {
	registry *registry
	id       uint32
	writers  map[uint32]avro.Schema // resolved to our own schema already
}

func (c *codec) encode(s *scan) ([]byte, error) {
	value := binary.BigEndian.AppendUint32([]byte{0}, c.id)
	datum, err := avro.Marshal(ownSchema, s)
	return append(value, datum...), err
}

// decode gives an event as our own schema has it, whoever wrote it. An error is invalid, or that
// the registry does not answer.
func (c *codec) decode(ctx context.Context, value []byte) (found *scan, err error) {
	if len(value) < frame {
		return nil, invalid(fmt.Sprintf("%d bytes are too few for magic byte and schema id", len(value)))
	}
	if value[0] != 0 {
		return nil, invalid(fmt.Sprintf("the magic byte is %d, not 0", value[0]))
	}
	id := binary.BigEndian.Uint32(value[1:frame])
	schema, err := c.resolved(ctx, id)
	if err != nil {
		return nil, err
	}
	defer func() {
		if problem := recover(); problem != nil { // bytes from anywhere must not end the service
			found, err = nil, invalid(fmt.Sprintf("schema %d: %v", id, problem))
		}
	}()
	found = new(scan)
	// Not avro.Unmarshal: that takes no bytes at all for a datum, with every field left empty.
	reader := avro.NewReader(bytes.NewReader(value[frame:]), 512)
	if reader.ReadVal(schema, found); reader.Error != nil {
		return nil, invalid(fmt.Sprintf("schema %d: %v", id, reader.Error))
	}
	return found, nil
}

// resolved combines two schemas: the writer's, to take the bytes apart, and ours, for what we want
// to have of them.
func (c *codec) resolved(ctx context.Context, id uint32) (avro.Schema, error) {
	if schema, ok := c.writers[id]; ok {
		return schema, nil
	}
	said, err := c.registry.schema(ctx, id)
	var no refused
	if errors.As(err, &no) {
		return nil, invalid(no.Error())
	}
	if err != nil {
		return nil, err
	}
	if said.SchemaType != "" && said.SchemaType != "AVRO" {
		return nil, invalid(fmt.Sprintf("schema %d is %s, not Avro", id, said.SchemaType))
	}
	// A cache of its own: all writers' schemas have the same names, and the library's common cache
	// would take one for the other.
	writer, err := avro.ParseWithCache(said.Schema, "", &avro.SchemaCache{})
	if err != nil {
		return nil, invalid(fmt.Sprintf("schema %d is not Avro: %v", id, err))
	}
	schema, err := avro.NewSchemaCompatibility().Resolve(ownSchema, writer)
	if err != nil {
		return nil, invalid(fmt.Sprintf("schema %d: %v", id, err))
	}
	c.writers[id] = schema
	return schema, nil
}
